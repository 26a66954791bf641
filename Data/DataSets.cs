using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

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
        Check(DataFiles.OfTraining(data), data.TrainLabels);
        Check(DataFiles.OfValidation(data), data.ValidationLabels);

        void Check(IReadOnlyList<string> files, string? labels)
        {
            if (files.Count > 0)
            {
                RowSources.Of(data, isClasses: false, files, LabelsOf(data, files[0], labels), known: null, progress: null).CheckBeginnings();
            }
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
        IReadOnlyList<string> trainFiles = DataFiles.OfTraining(data), validationFiles = DataFiles.OfValidation(data);
        bool isClasses = IsClasses(loss);
        string source = SourceKey(data, isClasses, trainFiles, LabelsOf(data, trainFiles[0], data.TrainLabels), known: null, cacheDirectory, progress);
        RowStore train = OpenRows(data, isClasses, trainFiles, data.TrainLabels, null, source, cacheDirectory, cancellation, progress);
        RowStore? validation = null;
        try
        {
            RowFormat format = train.Format;
            long samples = SamplesOf(data, format, trainFiles[0]);
            var split = new DataSplit(data.Split, samples, seed, data.Train);
            long held = split.Held;
            string key = Hash($"{source}|{data.Normalize}|{data.NormalizeLabels}|{data.Text?.Length}|{data.Text?.Stride}|{held}|{(held > 0 ? seed : 0)}");
            string fingerprint = key;
            if (validationFiles.Count > 0)
            {
                var known = new DataSchema(format.FeatureNames(), format.Categories());
                string validationSource = SourceKey(data, isClasses, validationFiles, LabelsOf(data, validationFiles[0], data.ValidationLabels), known, cacheDirectory, progress);
                validation = OpenRows(data, isClasses, validationFiles, data.ValidationLabels, known, validationSource, cacheDirectory, cancellation, progress);
                CheckShape(validationFiles[0], validation.Format, format);
                fingerprint = Hash($"{key}|{validationSource}");
            }

            (NormalizationTable table, InputError[] warnings) = Statistics(train, validation, data, fingerprint, split.IsTraining, cacheDirectory, cancellation);
            PreparedRange.Check(trainFiles, format, table);
            if (validation is not null)
            {
                PreparedRange.Check(validationFiles, validation.Format, table);
                table = table with { Classes = CommonClasses(table.Classes, validation.Format.Classes) };
            }

            IDataSet trainSet = Samples(train, data, table, samples - held, fingerprint, split.TrainingRow);
            IDataSet? validationSet = validation is not null
                ? Samples(validation, data, table, SamplesOf(data, validation.Format, validationFiles[0]), fingerprint, i => i)
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

    /// <summary>Opens a file (<see cref="DataSpec.Train"/>) to be evaluated by a model, with the normalisation and categories that were stored with it.</summary>
    /// <exception cref="InputException">The file is missing, damaged, or has other features than the training data.</exception>
    public static IDataSet OpenForEvaluation(DataSpec data, LossKind loss, NormalizationTable table, string cacheDirectory, CancellationToken cancellation)
    {
        LabelsOf(data, data.Train, data.TrainLabels);
        return OpenStored(data, IsClasses(loss), table, cacheDirectory, cancellation);
    }

    /// <summary>As <see cref="OpenForEvaluation"/>, without labels: a column of them may be there, and is not looked at.</summary>
    /// <returns>Of label width 0.</returns>
    /// <exception cref="InputException">The file is missing, damaged, or has other features than the training data.</exception>
    public static IDataSet OpenForPrediction(DataSpec data, NormalizationTable table, string cacheDirectory, CancellationToken cancellation) => data.Format == DataFormat.Text
        ? throw new InputException(data.Train, 0, "A text has no rows to be predicted: the label of each token is the next one.", "Measure the model on it by 'lockstep evaluate'.")
        : OpenStored(data with { TrainLabels = null, Labels = [], Features = table.Columns(), Exclude = [], Categories = [] }, isClasses: false, table, cacheDirectory, cancellation);

    private static IDataSet OpenStored(DataSpec data, bool isClasses, NormalizationTable table, string cacheDirectory, CancellationToken cancellation)
    {
        var known = new DataSchema(table.Features, table.Categories);
        IReadOnlyList<string> files = DataFiles.OfTraining(data);
        string source = SourceKey(data, isClasses, files, data.TrainLabels, known, cacheDirectory, progress: null);
        RowStore rows = OpenRows(data, isClasses, files, data.TrainLabels, known, source, cacheDirectory, cancellation, progress: null);
        int features = RowDataSet.SampleShapeOf(rows.Format).Aggregate(1, (product, size) => product * size);
        if (features == table.Offset.Length)
        {
            PreparedRange.Check(files, rows.Format, table);
            return Samples(rows, data, table with { Classes = CommonClasses(table.Classes, rows.Format.Classes) }, SamplesOf(data, rows.Format, files[0]), Hash($"{source}|{table.ToMetadata()}"), i => i);
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

    private static IDataSet Samples(RowStore rows, DataSpec data, NormalizationTable table, long count, string fingerprint, Func<long, long> rowOf, bool owns = true) => rows.Format.Kind == RowKind.Tokens
        ? new TokenDataSet(rows, data.Text!, count, table.Classes!.Value, fingerprint, rowOf, owns)
        : new RowDataSet(rows, table, count, table.Classes, fingerprint, rowOf, owns);

    /// <summary>A class that one file lacks is a class all the same. Labels that are no classes in one of the files are numbers in both.</summary>
    private static int? CommonClasses(int? one, int? other) => one is { } a && other is { } b ? Math.Max(a, b) : null;

    private static void CheckShape(string path, RowFormat format, RowFormat training)
    {
        if (!format.Shape.SequenceEqual(training.Shape))
        {
            throw new InputException(path, 0, $"A sample of the validation data has the shape [{string.Join(", ", format.Shape)}], one of the training data [{string.Join(", ", training.Shape)}].", "Use files of one data set.");
        }
    }

    private static RowStore OpenRows(DataSpec data, bool isClasses, IReadOnlyList<string> files, string? labels, DataSchema? known, string source, string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress)
    {
        RowStore rows = RowStore.OpenOrCreate(
            cacheDirectory,
            source[..KeyLength],
            output => RowSources.Of(data, isClasses, files, labels, known, progress).Write(output, cancellation),
            cancellation);
        rows.Scanned = progress is null ? null : done => progress.Report(new DataProgress(files[0], "statistics", done, rows.Format.Rows));
        return rows;
    }

    private static StoredStatistics Statistics(RowStore rows, RowStore? validation, DataSpec data, string key, Func<long, bool> isTraining, string cacheDirectory, CancellationToken cancellation)
    {
        string path = Path.Combine(cacheDirectory, key[..KeyLength] + ".stats");
        // Equal files share an entry, wherever they lie: it has their places among the job's files for their names.
        string[] files = [.. DataFiles.OfTraining(data), .. DataFiles.OfValidation(data)];
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

    /// <summary>A hash of all that shapes the rows of a data set.</summary>
    private static string SourceKey(DataSpec data, bool isClasses, IReadOnlyList<string> files, string? labels, DataSchema? known, string cacheDirectory, IProgress<DataProgress>? progress)
    {
        string tokenizer = string.Join('|', new[] { data.Text?.Vocabulary, data.Text?.Merges }.OfType<string>().Select(file => TokenReaders.Told(() => SourceHashes.Of(file, cacheDirectory, progress))));
        DataSpec options = data with { Train = "", TrainMore = [], TrainLabels = null, Validation = null, ValidationMore = [], ValidationLabels = null, Split = null, Normalize = NormalizationKind.None, NormalizeLabels = NormalizationKind.None, Text = data.Text?.WithFiles(_ => "") is { } text ? text with { Length = 1, Stride = null } : null };
        string columns = known is null ? "" : JsonSerializer.Serialize(new { known.Features, Categories = known.Categories.OrderBy(c => c.Key, StringComparer.Ordinal) });
        return Hash($"{CacheVersion}|{string.Join('|', files.Select(file => SourceHashes.Of(file, cacheDirectory, progress)))}|{(labels is null ? "" : SourceHashes.Of(labels, cacheDirectory, progress))}|{tokenizer}|{JsonSerializer.Serialize(options)}|{isClasses}|{columns}");
    }

    /// <returns>Null: they are in the same file.</returns>
    private static string? LabelsOf(DataSpec data, string images, string? labels) =>
        data.Format != DataFormat.Idx ? null : labels ?? throw new InputException(images, 0, "There is no file of labels for these images.", "Set 'trainLabels' (and 'validationLabels').");

    /// <summary>What is worked out of the training rows once, and kept in the cache.</summary>
    private sealed record StoredStatistics(NormalizationTable Table, InputError[] Warnings);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
