using System.IO.Compression;
using System.Text;

namespace Lockstep.Contracts.Tests.Samples;

/// <summary>The data of samples/risk and samples/industrial.</summary>
public sealed class GeneratedDataTests : IDisposable
{
    private static readonly string Samples = Path.Combine(Repository.Root, "samples");

    private readonly string _output = Directory.CreateTempSubdirectory("lockstep-samples-").FullName;

    public void Dispose() => Directory.Delete(_output, recursive: true);

    [Fact]
    public async Task The_shipped_data_are_what_the_generator_writes()
    {
        foreach ((string sample, string[] files) in new[] { ("risk", new[] { "payments.csv.gz" }), ("industrial", ["train.csv.gz", "validation.csv.gz"]) })
        {
            (int code, string said) = await GenerateAsync(sample, "--seed", "7", "--output", _output);
            Assert.True(code == 0, said);
            Assert.All(files, file => Assert.Equal(Text(Path.Combine(Samples, sample, file)), Text(Path.Combine(_output, file))));
        }

        (int bad, string told) = await GenerateAsync("risk", "--seed", "none");
        Assert.Equal(2, bad);
        Assert.Contains("Not understood: risk --seed none", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Payments_are_as_the_sample_says()
    {
        string[] lines = Text(Path.Combine(Samples, "risk", "payments.csv.gz")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(40_001, lines.Length);
        Assert.Equal(775, lines.Count(line => line.EndsWith(",1", StringComparison.Ordinal)));
    }

    [Fact]
    public void Pumps_are_as_the_sample_says()
    {
        string[][] train = Rows("train.csv.gz"), validation = Rows("validation.csv.gz");
        Assert.Equal((2254, 121), (train.Length, train[0].Length));
        Assert.All(train.Concat(validation), row => Assert.InRange(int.Parse(row[^1], System.Globalization.CultureInfo.InvariantCulture), 0, 125));

        static string[][] Rows(string file) => [.. Text(Path.Combine(Samples, "industrial", file)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split(','))];
    }

    private static string Text(string path)
    {
        using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var reader = new StreamReader(file, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>Runs the command of the samples' READMEs.</summary>
    private static Task<(int Code, string Said)> GenerateAsync(params string[] arguments) => SampleProgram.RunAsync(Path.Combine(Samples, "generate.cs"), arguments);
}
