using System.Text.Json;
using System.Xml.Linq;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep runs</c> and <c>lockstep plot</c>.</summary>
public sealed class RunsTests(DigitsRuns runs) : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Runs_are_listed_and_drawn_as_their_records_have_them()
    {
        FinishedRun alone = await runs.AloneAsync(), together = await runs.TogetherAsync();

        CliResult listed = await CliProcess.RunAsync("runs", Path.GetDirectoryName(alone.Folder.Path)!, "--json");
        Assert.True(listed.ExitCode == 0, listed.All);
        using JsonDocument list = JsonDocument.Parse(listed.Output);
        JsonElement entry = list.RootElement.EnumerateArray().Single(run => run.GetProperty("run").GetString() == "alone");
        Assert.Equal(("finished", DigitsRuns.Steps, alone.Summary.Validation["accuracy"]), (entry.GetProperty("state").GetString(), entry.GetProperty("steps").GetInt32(), entry.GetProperty("validation").GetProperty("accuracy").GetDouble()));

        CliResult table = await CliProcess.RunAsync("runs", alone.Folder.Path);
        Assert.Matches(@"^RUN +STATE +STEPS +TIME +LOSS +VALIDATION\nalone +finished +100 ", table.Output);

        string picture = _folder.In("runs.svg");
        CliResult drawn = await CliProcess.RunAsync("plot", alone.Folder.Path, together.Folder.Path, "--output", picture);
        Assert.True(drawn.ExitCode == 0, drawn.All);
        string[] texts = [.. XElement.Load(picture).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value)];
        Assert.All(["loss", "accuracy, validation", "learning rate", "workers", "alone, training", "together, present"], text => Assert.Contains(text, texts));
    }

    [Fact]
    public async Task What_is_no_run_or_no_axis_is_bad_input()
    {
        CliResult none = await CliProcess.RunAsync("plot", _folder.Path, "--output", _folder.In("x.svg"));
        Assert.Equal((2, false), (none.ExitCode, File.Exists(_folder.In("x.svg"))));
        Assert.Contains("it has no metrics.jsonl", none.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await CliProcess.RunAsync("runs", _folder.In("none"))).ExitCode);
    }
}
