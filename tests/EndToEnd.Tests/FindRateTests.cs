using System.Text.Json;
using System.Xml.Linq;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep find-rate</c>.</summary>
public sealed class FindRateTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_rate_is_suggested_and_is_the_same_at_any_number_of_workers()
    {
        string picture = _folder.In("rate.svg");
        string[] test = ["find-rate", Built.Sample("digits"), "--steps", "40", "--from", "1e-4", "--to", "1", "--set", "seed=3", "--json"];
        CliResult alone = await CliProcess.RunAsync([.. test, "--workers", "1"]);
        Assert.True(alone.ExitCode == 0, alone.All);
        CliResult together = await CliProcess.RunAsync([.. test, "--workers", "3", "--shards", "2", "--output", picture]);
        Assert.Equal(alone.Output, together.Output);

        using JsonDocument curve = JsonDocument.Parse(alone.Output);
        Assert.InRange(curve.RootElement.GetProperty("suggestion").GetDouble(), 5e-4, 0.05);
        JsonElement[] points = [.. curve.RootElement.GetProperty("points").EnumerateArray()];
        Assert.Equal(1e-4, points[0].GetProperty("rate").GetDouble());
        Assert.Equal(points.Length, curve.RootElement.GetProperty("smoothed").GetArrayLength());
        Assert.Contains("learning rate", XElement.Load(picture).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value));
    }

    [Fact]
    public async Task Rates_that_cannot_be_are_bad_input()
    {
        CliResult result = await CliProcess.RunAsync("find-rate", Built.Sample("digits"), "--from", "1", "--to", "0.1");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains("Rates cannot rise from 1 to 0.1", result.Error, StringComparison.Ordinal);
    }
}
