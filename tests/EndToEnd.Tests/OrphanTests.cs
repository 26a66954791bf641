using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>However the command ends, the processes that it started end too.</summary>
public sealed class OrphanTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(SystemProcess.Interrupt, 130)]
    [InlineData(SystemProcess.Terminate, 130)]
    [InlineData(SystemProcess.Abort, 128 + SystemProcess.Abort)]
    [InlineData(SystemProcess.Kill, 128 + SystemProcess.Kill)]
    public async Task No_process_outlives_the_command(int signal, int exitCode)
    {
        await using CliProcess command = CliProcess.Start("train", Built.Sample("digits"), "--output", _folder.In("run"), "--set", "epochs=1000000");
        await Waiting.UntilAsync(() => command.Output.Contains("step 1/", StringComparison.Ordinal), "a first step", TestContext.Current.CancellationToken);
        IReadOnlyList<int> children = SystemProcess.ChildrenOf(command.Id);
        // Redis, the scheduler, a parameter server, two workers.
        Assert.Equal(5, children.Count);

        SystemProcess.Signal(command.Id, signal);
        if (signal == SystemProcess.Abort)
        {
            // The runtime uses the first to write a dump where it is told to, and goes on.
            await Waiting.UntilAsync(() => !SystemProcess.TrySignal(command.Id, signal), "the crash of the command", TestContext.Current.CancellationToken);
        }

        CliResult result = await command.EndAsync();

        Assert.True(result.ExitCode == exitCode, result.All);
        await Waiting.UntilAsync(() => !children.Any(SystemProcess.IsAlive), "the end of all processes that the command had started", TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(SystemProcess.Interrupt)]
    [InlineData(SystemProcess.Kill)]
    public async Task No_tool_outlives_the_command(int signal)
    {
        // A million steps are computed before there is a line to compare.
        const int Steps = 1_000_000;
        _folder.Write("rows.csv", "x,y\n1,0\n2,1\n3,0\n4,1\n");
        _folder.Write("job.yaml", $"name: long\ndata: {{ format: csv, train: rows.csv, labels: [y] }}\nmodel: {{ preset: mlp }}\nloss: mse\nsteps: {Steps}\nglobalBatch: 4\nslots: 2\n");
        _folder.Write("ledger.jsonl", string.Concat(new[] { 1, Steps }.Select(step => $"{{\"step\": {step}, \"hash\": \"{new string('0', 32)}\"}}\n")));
        await using CliProcess command = CliProcess.Start("verify", _folder.Path, "--steps", $"{Steps - 1}..{Steps}");
        IReadOnlyList<int> children = [];
        await Waiting.UntilAsync(() => (children = SystemProcess.ChildrenOf(command.Id)).Count == 1, "the tool's process", TestContext.Current.CancellationToken);

        SystemProcess.Signal(command.Id, signal);
        await command.EndAsync();

        await Waiting.UntilAsync(() => !children.Any(SystemProcess.IsAlive), "the end of the tool", TestContext.Current.CancellationToken);
    }
}
