using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>However the command ends, the processes that it started end too.</summary>
public sealed class OrphanTests : IDisposable
{
    /// <summary>On an idle machine they are gone in about a second.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

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
        await Waiting.UntilAsync(() => command.Output.Contains("step 1/", StringComparison.Ordinal), Patience, "a first step");
        IReadOnlyList<int> children = SystemProcess.ChildrenOf(command.Id);
        // Redis, the scheduler, a parameter server, two workers.
        Assert.Equal(5, children.Count);

        SystemProcess.Signal(command.Id, signal);
        if (signal == SystemProcess.Abort)
        {
            // The runtime uses the first to write a dump where it is told to, and goes on.
            await Waiting.UntilAsync(() => !SystemProcess.TrySignal(command.Id, signal), Patience, "the crash of the command");
        }

        CliResult result = await command.EndAsync();

        Assert.True(result.ExitCode == exitCode, result.All);
        await Waiting.UntilAsync(() => !children.Any(SystemProcess.IsAlive), Patience, "the end of all processes that the command had started");
    }
}
