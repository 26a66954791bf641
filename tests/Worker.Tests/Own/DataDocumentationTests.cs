using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using Lockstep.Data.Tests;
using Lockstep.Worker.Tests.Harness;
using Parquet;
using Parquet.Schema;

namespace Lockstep.Worker.Tests.Own;

/// <summary>The examples of docs/data.md are read, with data such as they name.</summary>
public sealed class DataDocumentationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Each_example_is_read()
    {
        await MakeAsync();
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "data.md"));
        string[] examples = [.. text.Split("```").Where((_, index) => index % 2 == 1).Where(block => block.StartsWith("yaml\n", StringComparison.Ordinal)).Select(block => block[5..])];
        var read = new List<string>();
        foreach (string example in examples)
        {
            bool classes = !example.Contains("labels: [price]", StringComparison.Ordinal) && !example.Contains("labels: [age]", StringComparison.Ordinal);
            JobSpec job = JobFile.Parse($"name: example\nmodel: {{ preset: mlp }}\nloss: {(classes ? "cross-entropy" : "mse")}\nepochs: 1\n{example}", "docs/data.md", folder.Path, []);
            if (job.Data.Train.StartsWith("s3://", StringComparison.Ordinal))
            {
                read.Add(job.Data.Train);
                continue;
            }

            using OpenedData data = DataSets.Open(job.Data, job.Loss, 1, Path.Combine(folder.Path, "cache"), TestContext.Current.CancellationToken);
            read.Add($"{JobWords.Of(job.Data.Format)} {data.Train.Count} [{string.Join(", ", data.Train.SampleShape)}]");
        }

        Assert.Equal(["csv 8 [3]", "json-lines 4 [3]", "parquet 4 [1]", "images 6 [1, 16, 16]", "images 2 [3, 16, 16]", "text 24 [64]", "idx 4 [1, 2, 2]", "s3://flats/2024/part-*.csv"], read);
    }

    private async Task MakeAsync()
    {
        foreach (int part in new[] { 1, 2 })
        {
            Write($"flats/part-{part}.csv", "size,quarter,price\n" + string.Concat(Enumerable.Range(0, 5).Select(i => $"{part * i},{(i % 2 == 0 ? "north" : "south")},{i}\n")));
            File.WriteAllBytes(Path.Combine(folder.Path, $"images-{part}.idx"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, .. Enumerable.Range(0, 8).Select(i => (byte)i)]);
            File.WriteAllBytes(Path.Combine(folder.Path, $"labels-{part}.idx"), [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
            Write($"text/part-{part}.txt", string.Concat(Enumerable.Range(0, 200).Select(i => $"{i}, ")));
        }

        Write("flats.jsonl", string.Concat(Enumerable.Range(0, 4).Select(i => $"{{\"size\": {(i == 2 ? "null" : $"{i}")}, \"quarter\": \"{(i % 2 == 0 ? "north" : "south")}\", \"price\": {i}}}\n")));
        var schema = new ParquetSchema(new DataField<double>("size"), new DataField<string>("quarter"), new DataField<int>("price"));
        await using (FileStream file = File.Create(Path.Combine(folder.Path, "flats.parquet")))
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: TestContext.Current.CancellationToken);
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<double>(schema.DataFields[0], new double[] { 1, 2, 3, 4 }, cancellationToken: TestContext.Current.CancellationToken);
            await group.WriteAsync(schema.DataFields[1], new[] { "north", "south", "north", "south" });
            await group.WriteAsync<int>(schema.DataFields[2], new[] { 3, 2, 1, 0 }, cancellationToken: TestContext.Current.CancellationToken);
        }

        for (int i = 0; i < 8; i++)
        {
            Write($"photos/{(i % 2 == 0 ? "cat" : "dog")}/{i}.png", Pngs.Of(20, 30, 3, (y, x, c) => (byte)(y + x + c + i)));
        }

        Write("photos/table.csv", "file,age\ncat/0.png,3\ndog/1.png,4.5\n");
    }

    private void Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    private void Write(string name, byte[] content)
    {
        string path = Path.Combine(folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
