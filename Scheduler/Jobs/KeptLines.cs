using System.Text;
using System.Text.Json;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Those lines of a file that a scheduler takes over from the one before.</summary>
internal sealed class KeptLines
{
    private readonly string _path;
    private readonly List<string> _lines = [];
    // Lines from the first on of which none was left out.
    private int _inOrder;

    private KeptLines(string path) => _path = path;

    /// <param name="wanted">Asked of each line in turn; a line that is no JSON, as one that was torn by a crash, is not asked for.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static KeptLines Read(string path, Func<string, bool> wanted)
    {
        var kept = new KeptLines(path);
        bool all = true;
        foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            bool isWanted = false;
            try
            {
                isWanted = wanted(line);
            }
            catch (JsonException)
            {
            }

            all &= isWanted;
            if (isWanted)
            {
                kept._lines.Add(line);
                kept._inOrder += all ? 1 : 0;
            }
        }

        return kept;
    }

    /// <summary>
    /// Makes the file anew, with these lines: who had it open before writes to one that is not there any more, and harms nothing.
    /// A disk that takes no second file leaves the first, of which only these lines count.
    /// </summary>
    public LineFile Open()
    {
        if (!File.Exists(_path))
        {
            return new LineFile(LineFile.At(_path));
        }

        string anew = _path + ".tmp";
        try
        {
            File.WriteAllText(anew, string.Concat(_lines.Select(line => line + '\n')));
            File.Move(anew, _path, overwrite: true);
            return new LineFile(LineFile.At(_path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Discard(anew);
            (long length, int lines) = InPlace();
            return new LineFile(LineFile.At(_path), length, _lines.Skip(lines));
        }
    }

    /// <summary>How much of the file as it is can stay.</summary>
    private (long Length, int Lines) InPlace()
    {
        long there = new FileInfo(_path).Length;
        long length = 0;
        for (int i = 0; i < _inOrder; i++)
        {
            long next = length + Encoding.UTF8.GetByteCount(_lines[i]) + 1;
            if (next > there)
            {
                // It lost its end of line.
                return (length, i);
            }

            length = next;
        }

        return (length, _inOrder);
    }

    private static void Discard(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next scheduler writes over it.
        }
    }
}
