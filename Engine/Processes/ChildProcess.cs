using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lockstep.Engine.Processes;

/// <summary>One process of the fleet. What it writes goes to its log.</summary>
internal sealed class ChildProcess : IDisposable
{
    private const int TailLines = 15;

    /// <summary>Of every system.</summary>
    private const int NoSuchFile = 2;

    /// <summary>How Kestrel and the embedded Redis begin to tell it; the trace that follows is longer than the tail.</summary>
    private static readonly string[] PortTakenTexts = ["address already in use", "AddressInUse", "Failed to bind"];

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Queue<string> _tail = new();

    private ChildProcess(string name, Process process, StreamWriter log, string logPath)
    {
        Name = name;
        LogPath = logPath;
        _process = process;
        _log = log;
        Id = process.Id;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        Exited = WaitAsync();
    }

    public string Name { get; }
    public string LogPath { get; }
    public int Id { get; }

    /// <value>Whether it said that another process had a port that it was to serve at.</value>
    public bool SaidPortTaken { get; private set; }

    /// <value>Processor time that it has had; null: it ended.</value>
    public TimeSpan? Work
    {
        get
        {
            try
            {
                _process.Refresh();
                return _process.TotalProcessorTime;
            }
            catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
            {
                return null;
            }
        }
    }

    /// <value>Its exit code, once it ended and all of its output is in the log.</value>
    public Task<int> Exited { get; }

    /// <exception cref="FleetException">It cannot be started.</exception>
    public static ChildProcess Start(string name, ProcessStartInfo start, string logPath)
    {
        StreamWriter log = OpenLog(logPath);
        try
        {
            var process = Process.Start(start) ?? throw new Win32Exception("No process was started.");
            return new ChildProcess(name, process, log, logPath);
        }
        catch (Win32Exception exception)
        {
            log.Dispose();
            throw new FleetException($"{name} could not be started with {start.FileName}: {exception.Message}{(exception.NativeErrorCode == NoSuchFile ? " Install the .NET runtime, or put it on the PATH." : "")}");
        }
    }

    /// <summary>The last lines it wrote, without the frames of stack traces: those stand in the log, and here would leave no room for what went wrong.</summary>
    public string Tail()
    {
        lock (_tail)
        {
            return string.Join(Environment.NewLine, _tail.Select(line => "    " + line));
        }
    }

    /// <summary>Asks it to end.</summary>
    public void Terminate()
    {
        if (Exited.IsCompleted)
        {
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            Kill();
            return;
        }

        Signal(UnixSignal.Terminate);
    }

    /// <summary>Sends a signal of the system; nothing where the process ended.</summary>
    public void Signal(int signal)
    {
        if (!Exited.IsCompleted)
        {
            _ = SendSignal(Id, signal);
        }
    }

    /// <summary>Ends it.</summary>
    public void Kill()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It ended meanwhile.
        }
    }

    public void Dispose()
    {
        _process.Dispose();
        lock (_tail)
        {
            try
            {
                _log.Dispose();
            }
            catch (IOException)
            {
                // A full disk: what it did not take is lost, and no reason to end the run.
            }
        }
    }

    /// <summary>A process without a log is better than none: its folder may have been moved away, or its disk be full.</summary>
    private static StreamWriter OpenLog(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            return new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new StreamWriter(Stream.Null);
        }
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private void Append(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_tail)
        {
            SaidPortTaken |= PortTakenTexts.Any(text => line.Contains(text, StringComparison.OrdinalIgnoreCase));
            if (!IsFrame(line))
            {
                _tail.Enqueue(line);
            }

            if (_tail.Count > TailLines)
            {
                _tail.Dequeue();
            }

            try
            {
                _log.WriteLine(line);
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // A full disk must not end the run here; the process itself reports what it cannot write.
            }
        }
    }

    private static bool IsFrame(string line) => line.TrimStart() is var text && text.Length < line.Length && (text.StartsWith("at ", StringComparison.Ordinal) || text.StartsWith("--- End of ", StringComparison.Ordinal));

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
