using Lockstep.Contracts.Services;
using System.Diagnostics;
using System.Text;
using Lockstep.Engine.Processes;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>What a command came to.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error)
{
    /// <value>All of it, for messages of failed tests.</value>
    public string All => $"exit code {ExitCode}{Environment.NewLine}{Output}{Environment.NewLine}{Error}";
}

/// <summary>The command line, or another program, in a process of its own. What is left of it and its children when it is disposed is killed.</summary>
internal sealed class CliProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private CliProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(_error, line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    /// <value>What it wrote to standard output so far.</value>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<CliResult> RunAsync(params string[] arguments)
    {
        await using CliProcess process = Start(arguments);
        return await process.EndAsync();
    }

    public static CliProcess Start(params string[] arguments) => StartProgram(Built.Lockstep, arguments, []);

    /// <param name="assembly">Of the program.</param>
    /// <param name="folder">That it is started in; null: any.</param>
    public static CliProcess StartProgram(string assembly, IReadOnlyList<string> arguments, IEnumerable<KeyValuePair<string, string>> environment, string? folder = null)
    {
        ProcessStartInfo start = DotnetHost.Start(assembly, arguments, environment);
        start.WorkingDirectory = folder ?? Path.GetTempPath();
        if (OperatingSystem.IsLinux())
        {
            // Whoever runs the tests in the background, or with nohup, may have made all that it starts deaf to Ctrl-C and to the end of the terminal.
            string host = start.FileName;
            start.FileName = "/usr/bin/env";
            start.ArgumentList.Insert(0, host);
            start.ArgumentList.Insert(0, "--default-signal=INT,HUP");
        }

        return new CliProcess(new Process { StartInfo = start });
    }

    /// <summary>Waits for the end; a command that does not end fails the test.</summary>
    public async Task<CliResult> EndAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"'{string.Join(' ', _process.StartInfo.ArgumentList)}' did not end in {Patience.TotalSeconds:0} s. It wrote:{Environment.NewLine}{Output}{Environment.NewLine}{Text(_error)}");
        }

        return new CliResult(_process.ExitCode, Output, Text(_error));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.AppendLine(line);
            }
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
