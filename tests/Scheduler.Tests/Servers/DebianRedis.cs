using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lockstep.Scheduler.Tests.Servers;

/// <summary>The redis-server of the system.</summary>
public sealed class DebianRedis : RedisServer
{
    // Of Linux.
    private const int SigStop = 19;
    private const int SigContinue = 18;

    private static readonly string? Binary = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    private readonly string? _appendOnly;
    private Process? _process;

    public DebianRedis() : this("")
    {
    }

    /// <param name="password">That clients must give; empty: none.</param>
    /// <param name="appendOnly">Folder of its append-only file, which has every answered write; null: it keeps nothing.</param>
    internal DebianRedis(string password, string? appendOnly = null)
    {
        Password = password;
        _appendOnly = appendOnly;
    }

    public override string Password { get; }

    protected override string? Missing => Binary is null ? "There is no redis-server here. Install it: apt-get install redis-server." : null;

    public override async Task StartAsync()
    {
        var start = new ProcessStartInfo(Binary!, ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", _appendOnly is null ? "no" : "yes", "--appendfsync", "always", "--requirepass", Password])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            WorkingDirectory = _appendOnly ?? Path.GetTempPath(),
        };
        _process = Process.Start(start)!;
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Contains("Ready to accept connections", StringComparison.Ordinal))
            {
                // What it says later must not fill the pipe.
                _ = _process.StandardOutput.ReadToEndAsync();
                return;
            }
        }

        throw new InvalidOperationException("redis-server ended before it was ready.");
    }

    /// <summary>From now on it keeps its connections and answers nobody.</summary>
    public void Halt() => Assert.Equal(0, SendSignal(_process!.Id, SigStop));

    /// <summary>It goes on, with what came in meanwhile.</summary>
    public void GoOn() => Assert.Equal(0, SendSignal(_process!.Id, SigContinue));

    public override async Task StopAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
