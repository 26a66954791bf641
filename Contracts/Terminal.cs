using System.Text;

namespace Lockstep.Contracts;

/// <summary>The terminal of a command: the one place where texts of files, servers and other strangers reach it.</summary>
public static class Terminal
{
    /// <value>Takes control characters as they are, for a program that draws. What it shows of strangers goes through <see cref="Printable"/>.</value>
    public static TextWriter Drawing { get; private set; } = Console.Out;

    /// <summary>From now on what is written to the console shows control characters as their numbers, and a terminal that is gone is no error.</summary>
    public static void Guard()
    {
        Drawing = Console.IsOutputRedirected ? Console.Out : new Writer(Console.Out, isPlain: false);
        Console.SetOut(new Writer(Console.Out, isPlain: true));
        Console.SetError(new Writer(Console.Error, isPlain: true));
    }

    /// <summary>A writer that shows control characters as their numbers.</summary>
    public static TextWriter Plain(TextWriter writer) => new Writer(writer, isPlain: true);

    private sealed class Writer(TextWriter inner, bool isPlain) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Write([value]);

        public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

        public override void Write(string? value) => Write(value.AsSpan());

        public override void Write(ReadOnlySpan<char> buffer)
        {
            try
            {
                inner.Write(isPlain ? Printable.OfLines(buffer) : buffer);
            }
            catch (IOException) when (IsTerminal)
            {
                // Nobody is there to read it any more.
            }
        }

        public override void Flush()
        {
            try
            {
                inner.Flush();
            }
            catch (IOException) when (IsTerminal)
            {
                // As above.
            }
        }

        private static bool IsTerminal => !Console.IsOutputRedirected || !Console.IsErrorRedirected;
    }
}
