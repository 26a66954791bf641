using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;

namespace Lockstep.Training;

/// <summary>A job's data, opened.</summary>
/// <param name="Validation">Null where the job has none.</param>
/// <param name="Fingerprint">Hexadecimal SHA-256 over the files and all that shapes what is read.</param>
public sealed record OpenedData(IDataSet Train, IDataSet? Validation, NormalizationTable Normalization, string Fingerprint) : IDisposable
{
    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
    }
}

/// <summary>Opens data sets. A file is read once into a cache of fixed-size rows, which the workers of one machine share; nothing of the size of the data is held in memory.</summary>
public static class DataSets
{
    private const ulong SplitKey = 0x73706c6974;
    private const string CacheVersion = "1";

    /// <param name="seed">Of the split.</param>
    /// <param name="cacheDirectory">Made where it does not exist.</param>
    /// <exception cref="InputException">A file is missing, damaged, or does not fit what the job says of it.</exception>
    public static OpenedData Open(DataSpec data, ulong seed, string cacheDirectory, CancellationToken cancellation)
    {
        RowStore train = OpenRows(data, data.Train, data.TrainLabels, null, cacheDirectory, cancellation);
        RowStore? validation = data.Validation is { } path ? OpenRows(data, path, data.ValidationLabels, train.Format, cacheDirectory, cancellation) : null;
        if (validation is not null && (validation.Format.Features != train.Format.Features || validation.Format.Labels != train.Format.Labels))
        {
            throw new InputException(data.Validation!, 0, $"The validation data have {validation.Format.Features} features, the training data {train.Format.Features}.", "Use files of one data set.");
        }

        long rows = train.Format.Rows;
        long held = data.Split is { } fraction ? (long)Math.Round(rows * fraction) : 0;
        if (data.Split is not null && (held < 1 || held >= rows))
        {
            throw new InputException(data.Train, 0, $"A split of {data.Split} of {rows} rows leaves one side empty.", "Choose another 'split', or give more data.");
        }

        var order = new SeededPermutation((ulong)rows, CounterRandom.Key(seed, SplitKey, 0));
        string key = Hash($"{CacheVersion}|{Key(data, data.Train, data.TrainLabels)}|{data.Normalize}|{held}|{(held > 0 ? seed : 0)}");
        NormalizationTable table = Statistics(train, data, key, row => held == 0 || (long)order.IndexOf((ulong)row) >= held, cacheDirectory, cancellation);
        string fingerprint = Hash($"{key}|{(data.Validation is { } v ? Key(data, v, data.ValidationLabels) : "")}");
        IDataSet trainSet = held > 0 ? new RowDataSet(train, table, rows - held, fingerprint, i => (long)order[(ulong)(held + i)]) : new RowDataSet(train, table, rows, fingerprint, i => i);
        IDataSet? validationSet = validation is not null
            ? new RowDataSet(validation, table, validation.Format.Rows, fingerprint, i => i)
            : held > 0 ? new RowDataSet(train, table, held, fingerprint, i => (long)order[(ulong)i], owns: false) : null;
        return new OpenedData(trainSet, validationSet, table, fingerprint);
    }

    /// <summary>Opens a file to be evaluated by a model, with the normalisation that was stored with it.</summary>
    public static IDataSet OpenForEvaluation(DataSpec data, NormalizationTable table, string cacheDirectory, CancellationToken cancellation)
    {
        RowStore rows = OpenRows(data, data.Train, data.TrainLabels, null, cacheDirectory, cancellation);
        return rows.Format.Features == table.Offset.Length
            ? new RowDataSet(rows, table, rows.Format.Rows, "", i => i)
            : throw new InputException(data.Train, 0, $"The data have {rows.Format.Features} features, the model was trained on {table.Offset.Length}.", "Use data with the columns of the training data.");
    }

    private static RowStore OpenRows(DataSpec data, string path, string? labels, RowFormat? like, string cacheDirectory, CancellationToken cancellation) =>
        RowStore.OpenOrCreate(
            cacheDirectory,
            Hash($"{CacheVersion}|{Key(data, path, labels)}|{(like is null ? "" : string.Join('|', like.Names))}")[..32],
            output => data.Format == DataFormat.Idx ? new IdxSource(path, labels ?? throw new InputException(path, 0, "There is no file of labels.", "Set 'trainLabels' (and 'validationLabels').")).Write(output) : new CsvSource(path, data, like).Write(output),
            cancellation);

    private static NormalizationTable Statistics(RowStore rows, DataSpec data, string key, Func<long, bool> isTraining, string cacheDirectory, CancellationToken cancellation)
    {
        string path = Path.Combine(cacheDirectory, key[..32] + ".stats");
        CacheLock.Run(cacheDirectory, key[..32], () =>
        {
            if (!File.Exists(path))
            {
                File.WriteAllText(path + ".tmp", FeatureStatistics.Compute(rows, data, isTraining, cancellation).ToMetadata());
                File.Move(path + ".tmp", path, overwrite: true);
            }
        }, cancellation);
        return NormalizationTable.FromMetadata(File.ReadAllText(path));
    }

    /// <summary>All that shapes the rows of a file.</summary>
    private static string Key(DataSpec data, string path, string? labels)
    {
        string options = JsonSerializer.Serialize(new { data.Format, data.Features, data.Labels, data.Categories, data.Header, data.Delimiter, data.Missing });
        return $"{Convert.ToHexStringLower(SourceFile.Hash(path))}|{(labels is null ? "" : Convert.ToHexStringLower(SourceFile.Hash(labels)))}|{options}";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
