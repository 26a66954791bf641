using System.Text.Json;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep schema</c>, and what the command line says to words it does not know.</summary>
public sealed class SchemaTests
{
    [Fact]
    public async Task Prints_a_JSON_Schema_of_job_files()
    {
        CliResult result = await CliProcess.RunAsync("schema");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument schema = JsonDocument.Parse(result.Output);
        Assert.StartsWith("https://json-schema.org/", schema.RootElement.GetProperty("$schema").GetString(), StringComparison.Ordinal);
        Assert.All(["name", "model", "data", "loss", "optimizer", "slots"], key => Assert.True(schema.RootElement.GetProperty("properties").TryGetProperty(key, out _), key));
    }

    [Theory]
    [InlineData("trian")]
    [InlineData("train")]
    [InlineData("train", "job.yaml", "--workers", "many")]
    public async Task An_unknown_command_a_missing_argument_and_a_wrong_value_are_bad_input(params string[] arguments)
    {
        CliResult result = await CliProcess.RunAsync(arguments);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains("--help", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
    }
}
