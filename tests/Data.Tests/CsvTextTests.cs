using System.Text;
using CsCheck;

namespace Lockstep.Data.Tests;

public sealed class CsvTextTests
{
    private static readonly Gen<string[][]> Rows = Gen.OneOf(Gen.String["ab1 ,;\"\n\r"], Gen.String["xyz0123456789."], Gen.String).Select(s => s.Replace("\0", "", StringComparison.Ordinal)).Array[1, 40].Array[1, 12];

    [Fact]
    public void What_was_written_with_quotes_is_read_back_with_its_lines() =>
        Gen.Select(Rows, Gen.Char[",;\t"], Gen.Int[0, 2], Gen.Bool, Gen.Int[1, 50]).Sample((rows, delimiter, ending, quoteAll, chunk) =>
        {
            string end = ending switch { 0 => "\n", 1 => "\r\n", _ => "\r" };
            string Quote(string field) => quoteAll || field.Length == 0 || field.AsSpan().ContainsAny(delimiter, '"', '\n') || field.Contains('\r', StringComparison.Ordinal)
                ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
            string text = string.Join(end, rows.Select(row => string.Join(delimiter, row.Select(Quote))));
            using var csv = new CsvText(new Dribble(text, chunk), delimiter, 1 << 20);
            int line = 1;
            foreach (string[] row in rows)
            {
                Assert.True(csv.Read());
                Assert.Equal(row, Enumerable.Range(0, csv.FieldCount).Select(i => csv[i].ToString()));
                Assert.Equal(line, csv.Line);
                line += 1 + row.Sum(f => f.Count(c => c == '\n'));
            }

            Assert.False(csv.Read());
        });

    [Fact]
    public void Any_text_is_cut_as_by_a_slow_reader_or_refused_by_both() => Gen.Select(Gen.String["a1 ,\"\n\r"], Gen.Int[1, 20]).Sample((text, chunk) =>
    {
        List<List<string>>? expected = Slowly(text);
        var read = new List<List<string>>();
        try
        {
            using var csv = new CsvText(new Dribble(text, chunk), ',', 1 << 20);
            while (csv.Read())
            {
                read.Add([.. Enumerable.Range(0, csv.FieldCount).Select(i => csv[i].ToString())]);
            }
        }
        catch (CsvException)
        {
            Assert.Null(expected);
            return;
        }

        Assert.NotNull(expected);
        Assert.Equal(expected, read);
    }, iter: 5000);

    [Fact]
    public void A_row_without_end_is_refused()
    {
        using var csv = new CsvText(new StringReader("\"" + new string('x', 300_000)), ',', 100_000);
        Assert.Contains("longer than 100000", Assert.Throws<CsvException>(() => csv.Read()).Message, StringComparison.Ordinal);
    }

    /// <returns>Null: it cannot be cut.</returns>
    private static List<List<string>>? Slowly(string text)
    {
        var rows = new List<List<string>>();
        int at = 0;
        while (at < text.Length)
        {
            var row = new List<string>();
            while (true)
            {
                var field = new StringBuilder();
                if (at < text.Length && text[at] == '"')
                {
                    at++;
                    while (true)
                    {
                        if (at == text.Length)
                        {
                            return null;
                        }

                        if (text[at] != '"')
                        {
                            field.Append(text[at++]);
                        }
                        else if (at + 1 < text.Length && text[at + 1] == '"')
                        {
                            field.Append('"');
                            at += 2;
                        }
                        else
                        {
                            at++;
                            break;
                        }
                    }

                    if (at < text.Length && text[at] is not (',' or '\n' or '\r'))
                    {
                        return null;
                    }
                }
                else
                {
                    while (at < text.Length && text[at] is not (',' or '\n' or '\r'))
                    {
                        field.Append(text[at++]);
                    }
                }

                row.Add(field.ToString());
                if (at < text.Length && text[at] == ',')
                {
                    at++;
                    continue;
                }

                if (at < text.Length)
                {
                    at += text.AsSpan(at).StartsWith("\r\n") ? 2 : 1;
                }

                break;
            }

            rows.Add(row);
        }

        return rows;
    }

    /// <summary>Gives a few characters at a time.</summary>
    private sealed class Dribble(string text, int chunk) : StringReader(text)
    {
        public override int Read(char[] buffer, int index, int count) => base.Read(buffer, index, Math.Min(count, chunk));
    }
}
