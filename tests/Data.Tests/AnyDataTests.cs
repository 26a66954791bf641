using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Fuzzing;

namespace Lockstep.Data.Tests;

/// <summary>Any file of data is read, or is refused in words: encodings, quotes, widths, numbers, what is missing, what is cut off.</summary>
public sealed class AnyDataTests : IDisposable
{
    private const int Cases = 1500;

    private static readonly Gen<string> Cell = Gen.OneOf(
        Gen.Int[0, 3].Select(n => $"{n}"),
        Gen.Int[0, 3].Select(n => $"{n}"),
        Gen.Double.Select(d => d.ToString("R", System.Globalization.CultureInfo.InvariantCulture)),
        Any.Of(
            "", " ", "NA", "nan", "NaN", "?", "-", "null", "inf", "-Infinity", "1e999", "-1e999", "1e-400", "0x1F", "1,5", "1.5.2", "--1", "+1", "1_000", "1 000", "٣", "½", "1e5", "1700000000", "9007199254740993", "3.4e38", "3.5e38", "99999999999999999999",
            "a", "B", "ä", "\u00e4\u0301", "🙂", "\"q\"", "\"a,b\"", "\"a\nb\"", "\"\"\"\"", "\"a", "a\"b", "\"a\"b", "'x'", "\\", "#", "=1+1", "\u0000", "\u001b[2J", "\u0007", "\u202e", "\u2028", "\ufeff", "true", "false"),
        Gen.String[0, 6],
        Gen.Int[1, 3000].Select(n => new string('x', n)));

    private static readonly Gen<DataSpec> Spec = Gen.Select(
        Any.Of("a", "b", "c", "0", "1", "2", "-1", "y", "99999999999", "\u001b[2J").Array[1, 2],
        Any.Of("a", "b", "c", "d", "0", "3", "x").Array[0, 2],
        Any.Of("a", "b", "c", "d").Array[0, 3],
        Any.Of(true, true, true, false),
        Any.Of(',', ',', ',', ';', '\t', '|', '#', ' '),
        Any.Of("utf-8", "utf-8", "utf-8", "windows-1252", "utf-16", "shift_jis"),
        Any.Of<double?>(null, null, 0.3, 0.999),
        Gen.Select(Any.Of(Enum.GetValues<MissingPolicy>()), Any.Of(Enum.GetValues<NormalizationKind>())))
        .Select((labels, features, categories, header, delimiter, encoding, split, rest) => new DataSpec
        {
            Format = DataFormat.Csv,
            Train = "",
            Labels = [.. labels.Distinct()],
            Features = [.. features.Distinct()],
            Categories = [.. categories.Distinct()],
            Header = header,
            Delimiter = delimiter,
            Encoding = encoding,
            Split = split,
            Missing = rest.Item1,
            Normalize = rest.Item2,
        });

    private static readonly Gen<string>[] Kinds = [Gen.Int[0, 2].Select(n => $"{n}"), Gen.Double[-10, 10].Select(d => d.ToString("R", System.Globalization.CultureInfo.InvariantCulture)), Any.Of("a", "b", "c")];

    /// <summary>A file of columns of one kind each, here and there with a strange cell, and a job that fits it, mostly.</summary>
    private static readonly Gen<(string Text, DataSpec Spec)> Fitting = Gen.Int[0, 2].Array[1, 5].SelectMany(kinds => Gen.Select(
        Gen.Select(Kinds[0].Array[kinds.Length], Kinds[1].Array[kinds.Length], Kinds[2].Array[kinds.Length]).Select((whole, real, text) => kinds.Select((kind, column) => new[] { whole, real, text }[kind][column]).ToArray()).Array[1, 8],
        Gen.Select(Gen.Int[0, 40], Gen.Int[0, 4], Cell).Array[0, 1],
        Spec,
        Any.Of("\n", "\n", "\r\n"),
        Gen.Int[0, 6]).Select((rows, strange, spec, line, odd) =>
        {
            foreach ((int row, int column, string cell) in strange)
            {
                if (row < rows.Length)
                {
                    rows[row][column % kinds.Length] = cell;
                }
            }

            string[] names = [.. "abcde".Take(kinds.Length).Select(c => $"{c}")];
            DataSpec fitting = spec with { Labels = [names[^1]], Features = [], Categories = [.. names.Where((_, at) => kinds[at] == 2)], Header = true, Encoding = "utf-8", Split = rows.Length > 4 ? spec.Split : null };
            return (string.Join(line, rows.Prepend(names).Select(row => string.Join(spec.Delimiter, row))) + line, odd == 0 ? spec : fitting);
        }));

    private static readonly Gen<string> Csv = Gen.Select(
        Cell.Array[0, 5].Array[0, 6],
        Any.Of("", "a,b,c,d,e", "a,b", "a,a", "a,,c", "\"a\",\"b\ny\"", "1,2,3", "\ufeffa,b", "a;b;c", "a\tb\tc", "\u001b[2J,b"),
        Any.Of(",", ",", ",", ";", "\t", "|"),
        Any.Of("\n", "\n", "\n", "\r\n", "\r", "\n\n"),
        Any.Of("", "\n", " ", "\u001a", "\"")).Select((rows, header, comma, line, end) =>
            string.Join(line, rows.Select(row => string.Join(comma, row)).Prepend(header.Replace(",", comma, StringComparison.Ordinal))) + line + end);

    private static readonly Gen<byte[]> CsvBytes = Gen.OneOf(
        Csv.Select(Encoding.UTF8.GetBytes),
        Csv.Select(Encoding.UTF8.GetBytes),
        Gen.Select(Csv, Any.Of<Encoding>(Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32, Encoding.Latin1, Encoding.UTF8), Gen.Bool).Select((text, encoding, isMarked) => (byte[])[.. isMarked ? encoding.GetPreamble() : [], .. encoding.GetBytes(text)]),
        Gen.Select(Csv, Gen.Int[0, 500], Gen.Byte).Select((text, at, value) => Changed(Encoding.UTF8.GetBytes(text), at, value)),
        Gen.Byte.Array[0, 100]);

    private static readonly Gen<(byte[] Bytes, DataSpec Spec)> Files = Gen.OneOf(Gen.Select(CsvBytes, Spec), Fitting.Select(file => (Encoding.UTF8.GetBytes(file.Text), file.Spec)));

    private readonly DataFolder _folder = new();
    private int _files;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Any_csv_is_read_or_is_refused_in_words()
    {
        var trial = new InputTrial();
        Gen.Select(Files, Gen.Int[0, 9], Gen.Bool).Sample((file, pack, hasValidation) =>
        {
            (byte[] bytes, DataSpec spec) = file;
            // Packed, packed and cut off, named as if it were packed.
            string path = pack switch
            {
                0 => Write(".csv.gz", DataFolder.Gzip(bytes)),
                1 => Write(".csv.gz", DataFolder.Gzip(bytes)[..(DataFolder.Gzip(bytes).Length / 2)]),
                2 => Write(".csv.gz", bytes),
                _ => Write(".csv", bytes),
            };
            DataSpec data = spec with { Train = path, Validation = hasValidation ? path : null, Split = hasValidation ? null : spec.Split };
            trial.Run(() => Read(data), () => $"{Convert.ToHexString(bytes)} = {Encoding.UTF8.GetString(bytes)} {data}: labels {string.Join('|', data.Labels)}, features {string.Join('|', data.Features)}, categories {string.Join('|', data.Categories)}");
        }, iter: Cases);
        trial.End();
    }

    [Fact]
    public void Every_delimiter_that_a_job_may_name_separates()
    {
        for (char delimiter = '\0'; delimiter < 128; delimiter++)
        {
            string job = $"name: a\ndata: {{ format: csv, train: x.csv, labels: [b], delimiter: \"\\x{(int)delimiter:x2}\" }}\nmodel: {{ preset: mlp }}\nloss: mse\nsteps: 1\n";
            try
            {
                DataSpec spec = JobFile.Parse(job, "job.yaml", Path.GetTempPath(), []).Data;
                using OpenedData opened = _folder.Open(spec with { Train = Write(".csv", Encoding.UTF8.GetBytes($"a{delimiter}b\n\"1\"{delimiter}\"2\"\n\"3\"{delimiter}\"4\"\n")) });
                Assert.Equal([[2f], [4f]], opened.Train.All().Labels);
            }
            catch (InputException exception)
            {
                Assert.Contains("'delimiter' is", exception.Message, StringComparison.Ordinal);
                Assert.True(char.IsAsciiLetterOrDigit(delimiter) || char.IsControl(delimiter) || delimiter == '"', $"'{delimiter}' is refused.");
            }
        }
    }

    [Fact]
    public void Any_pair_of_idx_files_is_read_or_is_refused_in_words()
    {
        Gen<uint> number = Gen.OneOf(Gen.UInt[0, 4], Any.Of(28u, 16_384u, 16_385u, 65_536u, 0x7FFF_FFFFu, 0xFFFF_FFFFu));
        Gen<byte[]> images = Gen.Select(Any.Of(0x803u, 0x803u, 0x803u, 0x801u, 0xD03u, 0u), number, number, number, Gen.Int[-2, 2], Gen.Bool).Select((magic, count, height, width, more, isWhole) =>
            isWhole ? DataFolder.Images((int)(count % 4) + 1, (int)(height % 5) + 1, (int)(width % 5) + 1) : (byte[])[.. Big(magic), .. Big(count), .. Big(height), .. Big(width), .. new byte[Math.Max(0, Math.Min(1000, (long)count * height * width) + more)]]);
        Gen<byte[]> labels = Gen.Select(Any.Of(0x801u, 0x801u, 0x801u, 0x803u), number, Gen.Byte.Array[0, 6], Gen.Bool).Select((magic, count, values, isWhole) =>
            isWhole ? DataFolder.Labels(0x801, [.. Enumerable.Range(0, (int)(count % 4) + 1).Select(i => (byte)(i % 3))]) : (byte[])[.. Big(magic), .. Big(count), .. values]);
        var trial = new InputTrial();
        Gen.Select(images, labels, Gen.Int[0, 9], Gen.Int[0, 30], Gen.Byte).Sample((image, label, pack, at, value) =>
        {
            byte[] bytes = pack == 3 ? Changed(image, at, value) : pack == 4 ? image[..(image.Length / 2)] : image;
            var data = new DataSpec
            {
                Format = DataFormat.Idx,
                Train = pack switch { 0 => Write(".idx.gz", DataFolder.Gzip(bytes)), 1 => Write(".idx.gz", bytes), _ => Write(".idx", bytes) },
                TrainLabels = Write(".labels", label),
            };
            trial.Run(() => Read(data), () => $"{Convert.ToHexString(bytes)} {Convert.ToHexString(label)}");
        }, iter: Cases);
        trial.End();
    }

    /// <summary>As the command does it before it starts a fleet, and then as a worker.</summary>
    private void Read(DataSpec data)
    {
        DataSets.CheckBeginnings(data);
        using OpenedData opened = _folder.Open(data);
        Assert.NotEqual(0, opened.Train.Count);
        opened.Train.All();
        opened.Validation?.All();
    }

    private string Write(string ending, byte[] bytes) => _folder.Write($"{Interlocked.Increment(ref _files)}{ending}", bytes);

    private static byte[] Changed(byte[] bytes, int at, byte value)
    {
        if (bytes.Length > 0)
        {
            bytes[at % bytes.Length] = value;
        }

        return bytes;
    }

    private static byte[] Big(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
