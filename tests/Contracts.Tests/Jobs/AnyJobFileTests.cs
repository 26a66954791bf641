using System.Text;
using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Fuzzing;

namespace Lockstep.Contracts.Tests.Jobs;

/// <summary>Any file is a job, or is refused in words: whole jobs with parts changed, jobs made of the right keys and any values, and bytes.</summary>
public sealed class AnyJobFileTests : IDisposable
{
    private const int Cases = 4000;

    private static readonly string[] Words =
    [
        "name", "model", "preset", "hidden", "input", "layers", "data", "format", "train", "trainLabels", "validation", "split", "features", "labels", "categories", "header", "delimiter", "encoding", "missing", "normalize",
        "loss", "metrics", "classWeights", "balanced", "best", "metric", "mode", "patience", "minDelta", "optimizer", "kind", "learningRate", "momentum", "nesterov", "clipNorm", "schedule", "warmupSteps", "epochs", "steps", "globalBatch", "slots", "seed", "workers", "min", "max", "shards", "checkpoint", "every", "keep", "threadsPerWorker",
        "out", "kernel", "stride", "padding", "p", "epsilon", "bias", "mlp", "cnn", "csv", "idx", "mse", "cross-entropy", "adam", "sgd", "linear", "conv2d", "relu", "batch-norm", "residual", "parallel", "branches", "lstm", "heads", "transformer", "lossOptions", "focal", "topK", "data.csv", "y", "test",
        "0", "1", "-1", "8", "0.5", "1e-3", "1e999", "-1e999", "99999999999999999999999999", "9223372036854775808", "0x10", "1_000", ".inf", ".nan", "NaN", "true", "false", "yes", "null", "~", "''", "\"\"", "'", "\"", "\"\\", "\"\\u12", "\"\\ud800\"",
        "{", "}", "[", "]", ",", ":", "-", "?", "|", ">", "&a", "*a", "!!str", "!<x>", "%YAML 9.9", "---", "...", "#", "@", "`", "<<", "\t", "\u0000", "\u001b[2J", "\u0007", "\u0085", "\u2028", "\ufeff", "\u202e", "🙂", "ä", "\ud800",
    ];

    private static readonly Gen<string> Word = Gen.OneOf(Any.Of(Words), Any.Of(Words), Any.Of(Words), Gen.String[0, 12], Gen.Double.Select(d => d.ToString("R", System.Globalization.CultureInfo.InvariantCulture)), Gen.Long.Select(l => l.ToString(System.Globalization.CultureInfo.InvariantCulture)), Gen.Int[1, 4000].Select(n => new string('x', n)));

    private static readonly Gen<string> Glue = Any.Of(": ", ": ", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", " ", ", ", "", "\r\n", "{", "}", "[", "]");

    private static readonly string[] Whole = [JobText.Plain, .. new[] { "digits", "driving", "fashion-mnist", "medical" }.Select(name => File.ReadAllText(Path.Combine(Repository.Root, "samples", name, "job.yaml")))];

    private static readonly Gen<string> Changed = Gen.Select(Any.Of(Whole), Gen.Select(Gen.Int[0, 2000], Gen.Int[0, 30], Word).Array[0, 4]).Select((text, changes) =>
    {
        foreach ((int at, int length, string word) in changes)
        {
            int from = at % (text.Length + 1);
            text = text[..from] + word + text[Math.Min(text.Length, from + length)..];
        }

        return text;
    });

    /// <summary>A whole line of a job in place of another's, so that what is read is often a job.</summary>
    private static readonly Gen<string> Lines = Gen.Select(Any.Of(Whole), Gen.Int[0, 100], Word, Word).Select((text, at, key, value) =>
    {
        List<string> lines = [.. text.Split('\n')];
        string line = lines[at % lines.Count];
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        lines[at % lines.Count] = colon < 0 ? $"{key}: {value}" : $"{line[..colon]}: {value}";
        return string.Join('\n', lines);
    });

    private static readonly Gen<string> Loose = Gen.Select(Word, Glue).Array[0, 60].Select(parts => string.Concat(parts.Select(part => part.Item1 + part.Item2)));

    private static readonly Gen<byte[]> Bytes = Gen.OneOf(
        Gen.OneOf(Changed, Lines, Lines, Loose).Select(Encoding.UTF8.GetBytes),
        Gen.Select(Changed, Any.Of<Encoding>(Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32, Encoding.Latin1, Encoding.UTF8)).Select((text, encoding) => (byte[])[.. encoding.GetPreamble(), .. encoding.GetBytes(text)]),
        Gen.Select(Changed, Gen.Int[0, 4000], Gen.Byte).Select((text, at, value) =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            if (bytes.Length > 0)
            {
                bytes[at % bytes.Length] = value;
            }

            return bytes;
        }),
        Gen.Byte.Array[0, 200]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-any-job-");
    private int _files;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Any_file_with_any_overrides_is_a_job_or_is_refused_in_words()
    {
        var trial = new InputTrial();
        Gen.Select(Bytes, Gen.Bool, Gen.Select(Word, Any.Of("=", "=", ".", ""), Word).Select((a, b, c) => a + b + c).Array[0, 2]).Sample((bytes, isJson, sets) =>
        {
            string path = Path.Combine(_folder.FullName, $"{Interlocked.Increment(ref _files)}{(isJson ? ".json" : ".yaml")}");
            File.WriteAllBytes(path, bytes);
            trial.Run(() => Again(JobFile.Load(path, sets)), () => $"{Encoding.UTF8.GetString(bytes)} {string.Join(' ', sets)}");
        }, iter: Cases);
        trial.End();
    }

    [Fact]
    public void Any_canonical_json_is_a_job_or_is_refused_in_words()
    {
        string whole = JobFile.ToCanonicalJson(JobText.Read(JobText.Plain));
        var trial = new InputTrial();
        Gen.Select(Gen.Int[0, 2000], Gen.Int[0, 20], Gen.OneOf(Word, Any.Of("null", "[null]", "{}", "[]", "-1", "2147483648", "\"x\"", ""))).Array[0, 3].Sample(changes =>
        {
            string json = whole;
            foreach ((int at, int length, string word) in changes)
            {
                int from = at % (json.Length + 1);
                json = json[..from] + word + json[Math.Min(json.Length, from + length)..];
            }

            trial.Run(() => JobFile.FromForeignJson(json, mayHaveMore: true), () => json);
        }, iter: Cases);
        trial.End();
    }

    /// <summary>What was taken is written down and read again in every run.</summary>
    private static void Again(JobSpec job) => Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobFile.Parse(JobWriter.ToYaml(job), "job.yaml", Path.GetTempPath(), [])));
}
