using Lockstep.Contracts;

namespace Lockstep.Cli.Views;

/// <summary>A table of texts. By hand: one that is made for a terminal breaks its lines in a pipe.</summary>
internal static class Columns
{
    public static async Task WriteAsync(TextWriter output, string[] header, IEnumerable<string[]> rows)
    {
        string[][] all = [header, .. rows.Select(row => row.Select(Printable.Of).ToArray())];
        int[] widths = [.. Enumerable.Range(0, header.Length).Select(column => all.Max(row => row[column].Length))];
        foreach (string[] row in all)
        {
            await output.WriteLineAsync(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
