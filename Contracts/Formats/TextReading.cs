using System.Text;

namespace Lockstep.Contracts.Formats;

/// <summary>Reads text without ever replacing what is no text.</summary>
public static class TextReading
{
    private const int MarkBytes = 4;
    private const int Buffer = 1 << 16;

    /// <summary>More is no file that a person wrote.</summary>
    private const int LargestWritten = 4 << 20;

    /// <summary>Opens a reader that passes over a mark of byte order, and throws <see cref="DecoderFallbackException"/> for bytes that are no text of the encoding: <see cref="InvalidText.Find"/> then says where they are.</summary>
    /// <param name="stream">At its beginning; the reader's from now on.</param>
    public static StreamReader Open(Stream stream, Encoding encoding)
    {
        var start = new byte[MarkBytes];
        int read = stream.ReadAtLeast(start, MarkBytes, throwOnEndOfStream: false);
        (Encoding told, int mark) = TextEncodings.ByMark(start.AsSpan(0, read), encoding);
        return new StreamReader(new StartedStream(start.AsMemory(mark, read - mark), stream), told, detectEncodingFromByteOrderMarks: false, Buffer);
    }

    /// <summary>Reads a file that a person wrote for this program, such as a job: UTF-8, or with a mark of byte order that says otherwise.</summary>
    /// <exception cref="InputException">It has bytes that are no text, or is far too long.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string ReadWritten(string path)
    {
        byte[] bytes;
        using (FileStream file = RegularFile.Open(path))
        {
            if (file.Length > LargestWritten)
            {
                throw new InputException(path, 0, $"The file has {file.Length} bytes; more than {LargestWritten} are not read.", "Give the file that was meant.");
            }

            bytes = new byte[file.Length];
            file.ReadExactly(bytes);
        }

        (Encoding encoding, int mark) = TextEncodings.ByMark(bytes, TextEncodings.Find(TextEncodings.Usual)!);
        try
        {
            return encoding.GetString(bytes, mark, bytes.Length - mark);
        }
        catch (DecoderFallbackException)
        {
            throw InvalidText.Find(path, new MemoryStream(bytes), encoding, "save the file as UTF-8");
        }
    }

    /// <summary>The bytes that were read already, then the rest.</summary>
    private sealed class StartedStream(ReadOnlyMemory<byte> start, Stream rest) : ForwardStream
    {
        private ReadOnlyMemory<byte> _start = start;

        public override int Read(Span<byte> buffer)
        {
            if (_start.IsEmpty)
            {
                return rest.Read(buffer);
            }

            int count = Math.Min(buffer.Length, _start.Length);
            _start.Span[..count].CopyTo(buffer);
            _start = _start[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                rest.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
