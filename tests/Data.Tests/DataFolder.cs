using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>A temporary folder with data files and a cache.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly string path = Directory.CreateTempSubdirectory("lockstep-data-").FullName;

    public string Cache => Path.Combine(path, "cache");

    public string this[string name] => Path.Combine(path, name);

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public DataSpec Csv(string content, params string[] labels) => new() { Format = DataFormat.Csv, Train = Write("train.csv", content), Labels = labels };

    public DataSpec Idx(byte[] images, byte[] labels, string ending = "") => new() { Format = DataFormat.Idx, Train = Write("images" + ending, images), TrainLabels = Write("labels" + ending, labels) };

    public OpenedData Open(DataSpec data, ulong seed = 1, LossKind loss = LossKind.Mse) => DataSets.Open(data, loss, seed, Cache, TestContext.Current.CancellationToken);

    /// <summary>The one thing that is wrong.</summary>
    public InputError Refused(DataSpec data, LossKind loss = LossKind.Mse)
    {
        var exception = Assert.Throws<InputException>(() => Open(data, 1, loss).Dispose());
        var error = Assert.Single(exception.Errors);
        Assert.NotEmpty(error.Remedy);
        return error;
    }

    public void Dispose() => Directory.Delete(path, recursive: true);

    public static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    public static byte[] Images(int count, int height, int width, uint magic = 0x803) =>
        [.. new[] { magic, (uint)count, (uint)height, (uint)width }.SelectMany(BigEndian), .. Enumerable.Range(0, count * height * width).Select(i => (byte)(i * 7))];

    public static byte[] Labels(uint magic, params byte[] labels) => [.. BigEndian(magic), .. BigEndian((uint)labels.Length), .. labels];

    private static byte[] BigEndian(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}

internal static class DataSetReading
{
    public static (float[][] Features, float[][] Labels) All(this IDataSet data)
    {
        var rows = Enumerable.Range(0, (int)data.Count).Select(i => data.Sample(i)).ToArray();
        return ([.. rows.Select(r => r.Features)], [.. rows.Select(r => r.Labels)]);
    }

    public static (float[] Features, float[] Labels) Sample(this IDataSet data, long id)
    {
        var features = new float[data.FeatureCount];
        var labels = new float[data.LabelWidth];
        data.Read([id], features, labels);
        return (features, labels);
    }
}
