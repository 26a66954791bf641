using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using Lockstep.Data.Stores;

namespace Lockstep.Training;

/// <summary>A job's data, opened: of a format of the job file, or from the worker program's own source.</summary>
public sealed class JobData : IDisposable
{
    private readonly IDisposable[] _owned;

    private JobData(IDataSource train, IDataSource? validation, NormalizationTable? normalization, string fingerprint, IReadOnlyList<InputError> warnings, params IDisposable[] owned) =>
        (Train, Validation, Normalization, Fingerprint, Warnings, _owned) = (train, validation, normalization, fingerprint, warnings, owned);

    public IDataSource Train { get; }

    /// <value>Null where the job has none.</value>
    public IDataSource? Validation { get; }

    /// <value>Null for a source of one's own, which prepares its data itself.</value>
    public NormalizationTable? Normalization { get; }

    /// <value>Hexadecimal SHA-256 over the files and all that shapes what is read, but for code.</value>
    public string Fingerprint { get; }

    /// <value>What is no error and nobody will have meant.</value>
    public IReadOnlyList<InputError> Warnings { get; }

    /// <value>Numbers of the label that the metrics of the job file take; 1 where there is none.</value>
    public int LabelColumns => LabelNeeds.Label(Train.Fields)?.Length ?? 1;

    /// <summary>Names of the classes, by index; a source of one's own has their numbers. None where the labels are no classes.</summary>
    public IReadOnlyList<string> ClassNames() =>
        Normalization?.NamesOfClasses() ?? [.. Enumerable.Range(0, LabelNeeds.Label(Train.Fields)?.Classes ?? 0).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    /// <summary>What a sample counts in the loss, by its class; null: all count alike.</summary>
    /// <exception cref="InputException">A name is no class, or the classes were not counted.</exception>
    public float[]? ClassWeights(ClassWeights? weights) => ClassWeighting.Of(weights, ClassNames(), Normalization?.ClassCounts);

    /// <summary>Opens the training data and what the job holds out or names for validation.</summary>
    /// <param name="cacheDirectory">For data as rows; made where it does not exist.</param>
    /// <param name="progress">Is told how far files are looked through, of the job file's formats.</param>
    /// <exception cref="InputException">A file is missing or damaged, or the source's own code failed.</exception>
    public static JobData Open(JobSpec job, ComponentCatalog catalog, string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress = null)
    {
        if (job.Data.Source is not null)
        {
            using var stored = new StoredData(cacheDirectory, cancellation, progress);
            JobSpec local = job with { Data = stored.Bring(job.Data) };
            return stored.Run(() => OpenOwn(local, catalog, cacheDirectory));
        }

        OpenedData data = DataSets.Open(job.Data, job.Loss, job.Seed, cacheDirectory, cancellation, progress);
        return new JobData(new DataSetSource(data.Train), data.Validation is { } held ? new DataSetSource(held) : null, data.Normalization, data.Fingerprint, data.Warnings, data);
    }

    /// <summary>Data that a model is measured on, and nothing else.</summary>
    /// <param name="data">Closed with this.</param>
    /// <param name="table">That it was prepared by.</param>
    public static JobData OfValidation(IDataSet data, NormalizationTable table) => new(new DataSetSource(data), new DataSetSource(data), table, data.Fingerprint, [], data);

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }
    }

    private static JobData OpenOwn(JobSpec job, ComponentCatalog catalog, string cacheDirectory)
    {
        DataSpec data = job.Data;
        string[] trainFiles = [.. new[] { data.Train }.Where(path => path.Length > 0), .. data.TrainMore];
        string[] validationFiles = data.Validation is { } first ? [first, .. data.ValidationMore] : [];
        OwnSource train = OwnSource.Open(data, catalog, trainFiles, isValidation: false);
        OwnSource? validation = null;
        try
        {
            validation = validationFiles.Length > 0 ? OwnSource.Open(data, catalog, validationFiles, isValidation: true) : null;
            if (validation is not null && Describe(validation) != Describe(train))
            {
                throw new InputException(InputException.JobFile, 0, $"The data source '{data.Source}' has other fields for validation ({Describe(validation)}) than for training ({Describe(train)}).", "Give both the same.");
            }

            var split = new DataSplit(data.Split, train.Count, job.Seed, InputException.JobFile);
            string hashes = string.Join('|', trainFiles.Concat(validationFiles).Select(file => SourceHashes.Of(file, cacheDirectory)));
            string options = JsonSerializer.Serialize(data.Options ?? new Dictionary<string, string>());
            string fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"own|{data.Source}|{options}|{trainFiles.Length}|{hashes}|{train.Count}|{validation?.Count}|{Describe(train)}|{split.Held}|{(split.Held > 0 ? job.Seed : 0)}")));
            IDataSource? held = validation ?? (split.Held > 0 ? new PartOfSource(train, split.Held, split.HeldRow) : (IDataSource?)null);
            return new JobData(new PartOfSource(train, train.Count - split.Held, split.TrainingRow), held, null, fingerprint, [], validation is null ? [train] : [train, validation]);
        }
        catch
        {
            train.Dispose();
            validation?.Dispose();
            throw;
        }
    }

    private static string Describe(IDataSource source) =>
        string.Join("; ", source.Fields.Select(field => $"{field.Name} {field.Type} [{string.Join(", ", field.Shape)}]{(field.IsLabel ? $" label{(field.Classes is { } classes ? $" of {classes} classes" : "")}" : "")}"));

    /// <summary>Some samples of a source. It stays its owner's.</summary>
    private sealed class PartOfSource(IDataSource inner, long count, Func<long, long> indexOf) : IDataSource
    {
        public long Count => count;

        public IReadOnlyList<DataField> Fields => inner.Fields;

        public void Read(long index, Sample sample) => inner.Read(indexOf(index), sample);

        public void Dispose()
        {
        }
    }
}
