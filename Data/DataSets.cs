using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Data.Stores;

namespace Lockstep.Data;

/// <summary>A job's data, opened.</summary>
/// <param name="Validation">Null where the job has none.</param>
/// <param name="Fingerprint">Hexadecimal SHA-256 over the files and all that shapes what is read.</param>
/// <param name="Warnings">What is no error and nobody will have meant.</param>
public sealed record OpenedData(IDataSet Train, IDataSet? Validation, NormalizationTable Normalization, string Fingerprint, IReadOnlyList<InputError> Warnings) : IDisposable
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
    private const string CacheVersion = "6";
    private const int KeyLength = 32;

    /// <summary>Looks at the beginnings of a job's files, as <see cref="Open"/> does before it reads them through: what is found here is told at once.</summary>
    /// <exception cref="InputException">A file is missing, cannot be read, lacks a column, or is of another kind.</exception>
    public static void CheckBeginnings(DataSpec data)
    {
        using (var stored = new StoredData("", CancellationToken.None))
        {
            stored.Check(data);
        }

        // The beginnings of objects are read with the rest of them.
        foreach (DataPart part in new[] { DataPart.OfTraining(data), DataPart.OfValidation(data) }.Where(part => part.Files.Count > 0 && !part.Files.Concat(part.Labels).Any(file => StoreAddress.Parse(file) is not null)))
        {
            RowSources.Of(data, part, isClasses: false, isLabelled: true, known: null, progress: null).CheckBeginnings();
        }
    }

    /// <summary>Opens the training data and what the job holds out or names for validation, both normalised by the training rows.</summary>
    /// <param name="loss">Says whether labels are classes or numbers.</param>
    /// <param name="seed">Of the split.</param>
    /// <param name="cacheDirectory">Made where it does not exist; several processes may share it.</param>
    /// <param name="progress">Is told how far the files are looked through.</param>
    /// <exception cref="InputException">A file is missing, damaged, or does not fit what the job says of it, or the cache cannot be written.</exception>
    public static OpenedData Open(DataSpec data, LossKind loss, ulong seed, string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress = null)
    {
        using var stored = new StoredData(cacheDirectory, cancellation, progress);
        DataSpec local = stored.Bring(data);
        OpenedData opened = stored.Run(() => OpenLocal(local, loss, seed, cacheDirectory, cancellation, progress));
        return opened with { Warnings = [.. opened.Warnings.Select(stored.Renamed)] };
    }

    /// <summary>Opens a file (<see cref="DataSpec.Train"/>) to be evaluated by a model, with the normalisation and categories that were stored with it.</summary>
    /// <exception cref="InputException">The file is missing, damaged, or has other features than the training data.</exception>
    public static IDataSet OpenForEvaluation(DataSpec data, LossKind loss, NormalizationTable table, string cacheDirectory, CancellationToken cancellation) =>
        OpenLater(data, IsClasses(loss), isLabelled: true, table, cacheDirectory, cancellation);

    /// <summary>As <see cref="OpenForEvaluation"/>, without labels: a column of them may be there, and is not looked at.</summary>
    /// <returns>Of label width 0.</returns>
    /// <exception cref="InputException">The file is missing, damaged, or has other features than the training data.</exception>
    public static IDataSet OpenForPrediction(DataSpec data, NormalizationTable table, string cacheDirectory, CancellationToken cancellation) => data.Format == DataFormat.Text
        ? throw new InputException(data.Train, 0, "A text has no rows to be predicted: the label of each token is the next one.", "Measure the model on it by 'lockstep evaluate'.")
        : OpenLater(data with { TrainLabels = null, Labels = [], Features = data.Format == DataFormat.Images ? data.Features : table.Columns(), Exclude = [], Categories = [] }, isClasses: false, isLabelled: false, table, cacheDirectory, cancellation);

    private static IDataSet OpenLater(DataSpec data, bool isClasses, bool isLabelled, NormalizationTable table, string cacheDirectory, CancellationToken cancellation)
    {
        using var stored = new StoredData(cacheDirectory, cancellation);
        DataSpec local = stored.Bring(data);
        return stored.Run(() => OpenLocal(local, isClasses, isLabelled, table, cacheDirectory, cancellation));
    }

    private static OpenedData OpenLocal(DataSpec data, LossKind loss, ulong seed, string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress)
    {
        DataPart trainFiles = DataPart.OfTraining(data), validationFiles = DataPart.OfValidation(data);
        bool isClasses = IsClasses(loss);
        (RowStore train, string source) = OpenRows(data, trainFiles, isClasses, isLabelled: true, known: null, cacheDirectory, cancellation, progress);
        RowStore? validation = null;
        try
        {
            RowFormat format = train.Format;
            long samples = SamplesOf(data, format, data.Train);
            var split = new DataSplit(data.Split, samples, seed, data.Train);
            long held = split.Held;
            string key = Hash($"{source}|{data.Normalize}|{data.NormalizeLabels}|{data.Text?.Length}|{data.Text?.Stride}|{data.Image?.Flip}|{data.Image?.Shift}|{held}|{(held > 0 ? seed : 0)}");
            string fingerprint = key;
            if (validationFiles.Files.Count > 0)
            {
                var known = new DataSchema(format.FeatureNames(), format.Categories());
                (validation, string validationSource) = OpenRows(data, validationFiles, isClasses, isLabelled: true, known, cacheDirectory, cancellation, progress);
                CheckShape(data.Validation!, validation.Format, format);
                fingerprint = Hash($"{key}|{validationSource}");
            }

            (NormalizationTable table, InputError[] warnings) = Statistics(train, validation, data, fingerprint, split.IsTraining, cacheDirectory, cancellation);
            PreparedRange.Check(trainFiles.Files, format, table);
            if (validation is not null)
            {
                PreparedRange.Check(validationFiles.Files, validation.Format, table);
                table = table with { Classes = CommonClasses(table.Classes, validation.Format.Classes) };
            }

            IDataSet trainSet = Samples(train, data, table, samples - held, fingerprint, split.TrainingRow);
            IDataSet? validationSet = validation is not null
                ? Samples(validation, data, table, SamplesOf(data, validation.Format, data.Validation!), fingerprint, i => i)
                : held > 0 ? Samples(train, data, table, held, fingerprint, split.HeldRow, owns: false) : null;
            return new OpenedData(trainSet, validationSet, table, fingerprint, warnings);
        }
        catch
        {
            train.Dispose();
            validation?.Dispose();
            throw;
        }
    }

    private static IDataSet OpenLocal(DataSpec data, bool isClasses, bool isLabelled, NormalizationTable table, string cacheDirectory, CancellationToken cancellation)
    {
        var known = new DataSchema(table.Features, table.Categories);
        DataPart files = DataPart.OfTraining(data);
        (RowStore rows, string source) = OpenRows(data, files, isClasses, isLabelled, known, cacheDirectory, cancellation, progress: null);
        int features = RowDataSet.SampleShapeOf(rows.Format).Aggregate(1, (product, size) => product * size);
        if (features == table.Offset.Length)
        {
            PreparedRange.Check(files.Files, rows.Format, table);
            return Samples(rows, data, table with { Classes = CommonClasses(table.Classes, rows.Format.Classes) }, SamplesOf(data, rows.Format, data.Train), Hash($"{source}|{table.ToMetadata()}"), i => i);
        }

        rows.Dispose();
        throw new InputException(data.Train, 0, $"The data have {features} features, the model was trained on {table.Offset.Length}.", "Use data with the columns of the training data.");
    }

    /// <exception cref="InputException">There is none.</exception>
    private static long SamplesOf(DataSpec data, RowFormat format, string file)
    {
        if (format.Kind != RowKind.Tokens)
        {
            return format.Rows;
        }

        return TokenDataSet.SamplesOf(format.Rows, data.Text!) is > 0 and var samples
            ? samples
            : throw new InputException(file, 0, $"The text has {Amount.Of(format.Rows, "token")}, and a sample takes {data.Text!.Length + 1}.", "Give a longer text, or lower 'text.length'.");
    }

    private static IDataSet Samples(RowStore rows, DataSpec data, NormalizationTable table, long count, string fingerprint, Func<long, long> rowOf, bool owns = true) => data.Format switch
    {
        DataFormat.Text => new TokenDataSet(rows, data.Text!, count, table.Classes!.Value, fingerprint, rowOf, owns),
        DataFormat.Images => new ImageDataSet(rows, data.Image!, table, count, table.Classes, fingerprint, rowOf, owns),
        _ => new RowDataSet(rows, table, count, table.Classes, fingerprint, rowOf, owns),
    };

    /// <summary>A class that one file lacks is a class all the same. Labels that are no classes in one of the files are numbers in both.</summary>
    private static int? CommonClasses(int? one, int? other) => one is { } a && other is { } b ? Math.Max(a, b) : null;

    private static void CheckShape(string path, RowFormat format, RowFormat training)
    {
        if (!format.Shape.SequenceEqual(training.Shape))
        {
            throw new InputException(path, 0, $"A sample of the validation data has the shape [{string.Join(", ", format.Shape)}], one of the training data [{string.Join(", ", training.Shape)}].", "Use files of one data set.");
        }
    }

    /// <returns>The rows, and a hash of all that shapes them.</returns>
    private static (RowStore Rows, string Key) OpenRows(DataSpec data, DataPart part, bool isClasses, bool isLabelled, DataSchema? known, string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress)
    {
        IRowSource source = RowSources.Of(data, part, isClasses, isLabelled, known, progress);
        DataSpec options = data.WithFiles(_ => "") with
        {
            TrainMore = [],
            TrainLabels = null,
            TrainLabelsMore = [],
            Validation = null,
            ValidationMore = [],
            ValidationLabels = null,
            ValidationLabelsMore = [],
            Split = null,
            Normalize = NormalizationKind.None,
            NormalizeLabels = NormalizationKind.None,
            Text = data.Text?.WithFiles(_ => "") is { } text ? text with { Length = 1, Stride = null } : null,
            Image = data.Image is { } image ? image with { Flip = false, Shift = 0 } : null,
        };
        string columns = known is null ? "" : JsonSerializer.Serialize(new { known.Features, Categories = known.Categories.OrderBy(c => c.Key, StringComparer.Ordinal) });
        string key = Hash($"{CacheVersion}|{source.Hash(cacheDirectory)}|{JsonSerializer.Serialize(options)}|{isClasses}|{isLabelled}|{columns}");
        RowStore rows = RowStore.OpenOrCreate(cacheDirectory, key[..KeyLength], output => source.Write(output, cancellation), cancellation);
        rows.Scanned = progress is null ? null : done => progress.Report(new DataProgress(part.Files[0], "statistics", done, rows.Format.Rows));
        return (rows, key);
    }

    private static StoredStatistics Statistics(RowStore rows, RowStore? validation, DataSpec data, string key, Func<long, bool> isTraining, string cacheDirectory, CancellationToken cancellation)
    {
        string path = Path.Combine(cacheDirectory, key[..KeyLength] + ".stats");
        // Equal files share an entry, wherever they lie: it has their places among the job's files for their names.
        string[] files = [.. DataPart.OfTraining(data).Files, .. DataPart.OfValidation(data).Files];
        string[] stored = [.. files.Index().Select(file => file.Index.ToString(CultureInfo.InvariantCulture))];
        StoredStatistics found = CacheEntry.GetOrMake(cacheDirectory, key[..KeyLength], Find, ending =>
        {
            NormalizationTable table = FeatureStatistics.Compute(rows, data, isTraining, cancellation);
            var classes = new ClassSurvey(rows.Format, data);
            InputError[] warnings = ColumnSurvey.Tell(rows, validation, table, data, classes, isTraining, cancellation);
            var statistics = new StoredStatistics(table with { ClassCounts = classes.Counts() }, Renamed(warnings, files, stored));
            CacheEntry.Write(path, ending, file => JsonSerializer.Serialize(file, statistics));
        }, cancellation);
        return found with { Warnings = Renamed(found.Warnings, stored, files) };

        static InputError[] Renamed(InputError[] warnings, string[] from, string[] to) => [.. warnings.Select(warning => warning with { File = to[Array.IndexOf(from, warning.File)] })];

        StoredStatistics? Find()
        {
            try
            {
                return File.Exists(path) && JsonSerializer.Deserialize<StoredStatistics>(File.ReadAllText(path)) is { Table: { Offset: not null }, Warnings: not null } found ? found : null;
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    private static bool IsClasses(LossKind loss) => loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy;

    /// <summary>What is worked out of the training rows once, and kept in the cache.</summary>
    private sealed record StoredStatistics(NormalizationTable Table, InputError[] Warnings);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
