using System.Text;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A file that lines are added to, and others read along while it grows. A disk that does not take a line holds nothing up: it is written with the next one.</summary>
/// <param name="file">That can be written and seeked in, and keeps nothing back; disposed of with this.</param>
internal sealed class LineFile(Stream file) : IDisposable
{
    // Bounded by the steps of a job.
    private readonly Queue<byte[]> _waiting = new();
    // What is behind it came of a line that the disk took in part.
    private long _length = file.Length;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static LineFile Open(string path) => new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0));

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
            if (file.Length != _length)
            {
                file.SetLength(_length);
            }

            file.Position = _length;
            file.Write(line);
            _length += line.Length;
            _waiting.Dequeue();
        }
    }

    public void Dispose() => file.Dispose();
}
