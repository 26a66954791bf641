using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A fleet that does not come up.</summary>
public sealed class StartTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_process_that_dies_at_the_start_is_named_with_what_it_died_of()
    {
        // Every service takes its level of logging from there, and none has this one.
        await using CliProcess command = CliProcess.StartProgram(Built.Lockstep, ["train", Built.Sample("digits"), "--output", _folder.In("run"), "--workers", "1"], [new("Logging__LogLevel__Default", "no-level")]);

        CliResult result = await command.EndAsync();

        Assert.True(result.ExitCode == 1, result.All);
        Assert.Matches("^(scheduler|ps-0|worker-0) ended with exit code [0-9]+, and it ended before all were ready", result.Error);
        Assert.Contains("'no-level'", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }
}
