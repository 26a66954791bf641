using System.Diagnostics;

namespace Lockstep.Data.Tests.Stores;

/// <summary>A program of Node.js that <c>.ci/run</c> installs, on a port of its own of this machine, until it is disposed.</summary>
internal sealed class NodeServer : IDisposable
{
    private const string Installed = "artifacts/stores/node_modules";

    private readonly Process _process;

    private NodeServer(Process process, int port) => (_process, Port) = (process, port);

    public int Port { get; }

    /// <param name="script">Below the folder of packages.</param>
    /// <param name="arguments">Of a port.</param>
    /// <param name="ready">In the line that says that it listens.</param>
    /// <returns>Null: it is not installed.</returns>
    public static async Task<NodeServer?> StartAsync(string script, Func<int, string[]> arguments, string ready, CancellationToken cancellation)
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, Installed, script)))
        {
            root = Path.GetDirectoryName(root);
        }

        if (root is null)
        {
            return null;
        }

        int port = LoopbackPort.Free();
        var start = new ProcessStartInfo("node", [Path.Combine(root, Installed, script), .. arguments(port)]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var server = new NodeServer(process, port);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
            {
                if (line.Contains(ready, StringComparison.Ordinal))
                {
                    // The rest is for nobody, and must not fill the pipe.
                    _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                    return server;
                }
            }

            throw new InvalidOperationException($"{script} ended: {process.ExitCode}.");
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }
}
