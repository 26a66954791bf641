using System.Diagnostics;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Tests.Processes;

public sealed class ChildProcessTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("System.IO.IOException: Failed to bind to address http://127.0.0.1:41000: address already in use.", true)]
    [InlineData("System.IO.IOException: No space left on device", false)]
    public async Task Knows_the_cause_and_that_a_port_was_taken_whatever_stack_trace_follows(string message, bool taken)
    {
        using ChildProcess child = Start($"echo '{message}' >&2; for line in $(seq 100); do echo \"   at $line\" >&2; done; exit 134");

        Assert.Equal(134, await child.Exited.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        Assert.Equal(taken, child.SaidPortTaken);
        Assert.Equal("    " + message, child.Tail());
        Assert.Equal([message, "   at 1"], File.ReadLines(child.LogPath).Take(2));
        Assert.Equal(101, File.ReadLines(child.LogPath).Count());
    }

    [Fact]
    public async Task The_tail_is_the_last_lines()
    {
        using ChildProcess child = Start("for line in $(seq 100); do echo \"line $line\"; done");

        await child.Exited.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(86, 15).Select(line => $"    line {line}"), child.Tail().Split(Environment.NewLine));
    }

    [Fact]
    public async Task A_folder_of_logs_that_is_gone_is_made_anew()
    {
        using ChildProcess child = Start("echo there", Path.Combine("gone", "shell.log"));

        Assert.Equal(0, await child.Exited.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        Assert.Equal(["there"], File.ReadLines(child.LogPath));
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_keeps_no_process_from_its_work()
    {
        // A folder in the file's place.
        using ChildProcess child = Start("echo there", "");

        Assert.Equal(0, await child.Exited.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        Assert.Equal("    there", child.Tail());
    }

    [Fact]
    public void What_cannot_be_started_is_said()
    {
        var start = new ProcessStartInfo(Path.Combine(_folder.FullName, "nothing")) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };

        FleetException exception = Assert.Throws<FleetException>(() => ChildProcess.Start("nothing", start, Path.Combine(_folder.FullName, "nothing.log")));

        Assert.StartsWith("nothing could not be started with ", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith("Install the .NET runtime, or put it on the PATH.", exception.Message, StringComparison.Ordinal);
    }

    private ChildProcess Start(string script, string log = "shell.log")
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", script]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        return ChildProcess.Start("shell", start, Path.Combine(_folder.FullName, log));
    }
}
