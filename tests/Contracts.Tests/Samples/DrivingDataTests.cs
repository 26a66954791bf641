using System.IO.Compression;

namespace Lockstep.Contracts.Tests.Samples;

public sealed class DrivingDataTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "samples", "driving");

    private readonly string _output = Path.Combine(Path.GetTempPath(), $"lockstep-{Guid.NewGuid():N}.csv");

    [Fact]
    public async Task The_shipped_data_are_what_the_generator_writes()
    {
        (int code, string said) = await GenerateAsync("--samples", "20000", "--seed", "7", "--output", _output);
        Assert.True(code == 0, said);
        Assert.Equal(Shipped(), await File.ReadAllBytesAsync(_output, TestContext.Current.CancellationToken));

        // Another seed gives other data, and what is not understood is said.
        (code, said) = await GenerateAsync("--samples", "3", "--seed", "8", "--output", _output);
        Assert.True(code == 0, said);
        string[] lines = await File.ReadAllLinesAsync(_output, TestContext.Current.CancellationToken);
        Assert.Equal(4, lines.Length);
        Assert.NotEqual(System.Text.Encoding.UTF8.GetString(Shipped()).Split('\n')[1], lines[1]);
        (code, said) = await GenerateAsync("--samples", "none");
        Assert.Equal(2, code);
        Assert.Contains("Not understood: --samples none", said, StringComparison.Ordinal);
    }

    [Fact]
    public void The_outputs_are_what_the_sample_says_of_them()
    {
        string[] lines = System.Text.Encoding.UTF8.GetString(Shipped()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(20_001, lines.Length);
        Assert.Equal($"{string.Join(',', Enumerable.Range(0, 32).Select(i => $"x{i}"))},steering,throttle", lines[0]);
        foreach (string line in lines[1..])
        {
            decimal[] x = [.. line.Split(',').Select(v => decimal.Parse(v, System.Globalization.CultureInfo.InvariantCulture))];
            Assert.Equal(x[1] - x[0], x[32]);
            Assert.Equal(((x[3] - x[2]) * (1 + x[4]) / 2) + (Math.Abs(x[5]) / 2), x[33]);
            Assert.All(x[..32], sensor => Assert.InRange(sensor, -1, 1));
        }
    }

    public void Dispose() => File.Delete(_output);

    private static byte[] Shipped()
    {
        using var content = new MemoryStream();
        using (var file = new GZipStream(File.OpenRead(Path.Combine(Folder, "sensors.csv.gz")), CompressionMode.Decompress))
        {
            file.CopyTo(content);
        }

        return content.ToArray();
    }

    /// <summary>Runs the command of the sample's README.</summary>
    private static Task<(int Code, string Said)> GenerateAsync(params string[] arguments) => SampleProgram.RunAsync(Path.Combine(Folder, "generate.cs"), arguments);
}
