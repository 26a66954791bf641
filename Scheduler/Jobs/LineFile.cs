using System.Text;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A file that lines are added to, and others read along while it grows. A disk that does not take a line holds nothing up: it is written with the next one.</summary>
internal sealed class LineFile : IDisposable
{
    private readonly FileStream _file;
    // Bounded by the steps of a job.
    private readonly Queue<byte[]> _waiting = new();
    // What is behind it came of a line that the disk took in part.
    private long _length;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public LineFile(string path)
    {
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        _length = _file.Length;
    }

    /// <summary>Adds a line.</summary>
    /// <returns>Why the file does not hold it yet; null: it does.</returns>
    public Exception? Append(string line)
    {
        _waiting.Enqueue(Encoding.UTF8.GetBytes(line + '\n'));
        try
        {
            Flush();
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception;
        }
    }

    /// <summary>Writes what waits.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Flush()
    {
        while (_waiting.TryPeek(out byte[]? line))
        {
            if (_file.Length != _length)
            {
                _file.SetLength(_length);
            }

            _file.Position = _length;
            _file.Write(line);
            _length += line.Length;
            _waiting.Dequeue();
        }
    }

    public void Dispose() => _file.Dispose();
}
