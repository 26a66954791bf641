using System.Text;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A file that lines are added to, and others read along while it grows. A disk that does not take a line, or not even opens the file, holds nothing up: it is written with the next one.</summary>
/// <param name="open">Gives what can be written and seeked in, and keeps nothing back; it is disposed of with this.</param>
/// <param name="length">Bytes of it that count; null: all there are.</param>
/// <param name="waiting">Lines that belong behind these and are not in the file.</param>
internal sealed class LineFile(Func<Stream> open, long? length = null, IEnumerable<string>? waiting = null) : IDisposable
{
    // Bounded by the steps of a job.
    private readonly Queue<byte[]> _waiting = new((waiting ?? []).Select(Bytes));
    private Stream? _file;
    // What is behind it came of a line that the disk took in part.
    private long? _length = length;

    /// <summary>The file at a path, which is made where there is none.</summary>
    public static Func<Stream> At(string path) => () => new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    /// <summary>Adds a line.</summary>
    /// <returns>Why the file does not hold it yet; null: it does.</returns>
    public Exception? Append(string line)
    {
        _waiting.Enqueue(Bytes(line));
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
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public void Flush()
    {
        while (_waiting.TryPeek(out byte[]? line))
        {
            Stream file = _file ??= open();
            long end = _length ??= file.Length;
            if (file.Length != end)
            {
                file.SetLength(end);
            }

            file.Position = end;
            file.Write(line);
            _length = end + line.Length;
            _waiting.Dequeue();
        }
    }

    public void Dispose() => _file?.Dispose();

    private static byte[] Bytes(string line) => Encoding.UTF8.GetBytes(line + '\n');
}
