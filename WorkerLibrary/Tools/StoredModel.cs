using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>A model file: the job, the preparation of data and the values that are in it.</summary>
internal sealed class StoredModel
{
    private const string Remedy = "Give a model that lockstep wrote.";

    private readonly string _path;
    private readonly SafeTensorsFile _file;
    private readonly NormalizationTable? _table;

    /// <exception cref="InputException">There is no such file, or it is of another kind.</exception>
    public StoredModel(string path)
    {
        _path = path;
        _file = SafeTensors.Read(path);
        Spec = OfJob(() => JobFile.FromForeignJson(MetadataOf(PreparedJob.JobKey), mayHaveMore: true));
        try
        {
            _table = Spec.Data.Source is null ? NormalizationTable.FromMetadata(MetadataOf(PreparedJob.NormalizationKey)) : null;
        }
        catch (JsonException exception)
        {
            throw new InputException(path, 0, $"The model's preparation of data cannot be read: {exception.Message.TrimEnd('.')}.", Remedy);
        }

        if (_table?.Classes is { } classes && (classes < 1 || classes > Math.Max(2, _file.Tensors.Select(t => t.Shape.Count > 0 ? t.Shape[0] : 0).DefaultIfEmpty(0).Max())))
        {
            throw new InputException(path, 0, $"The model's preparation names {classes} classes, which its tensors do not give.", Remedy);
        }
    }

    /// <value>Names its data, and not where they lie.</value>
    public JobSpec Spec { get; }

    /// <value>Texts beside the tensors, by key.</value>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <value>Inputs and labels of the data that it was trained on.</value>
    /// <exception cref="InputException">The file does not say, or not rightly.</exception>
    public IReadOnlyList<DataField> Fields
    {
        get
        {
            try
            {
                DataField[] fields = JsonSerializer.Deserialize<DataField[]>(MetadataOf(PreparedJob.FieldsKey), PreparedJob.FieldsJson) ?? [];
                return fields.Length > 0 && fields.All(IsWhole) ? fields : throw new JsonException("a field has no name or shape");
            }
            catch (Exception exception) when (exception is JsonException or OverflowException or ArgumentException)
            {
                throw new InputException(_path, 0, $"The model's inputs and labels cannot be read: {exception.Message.TrimEnd('.')}.", Remedy);
            }
        }
    }

    private static bool IsWhole(DataField field) => field is { Name: not null } && field.Shape.All(size => size > 0) && field.Columns.All(width => width > 0) && (field.Columns.Count == 0 || field.Columns.Sum(width => (long)width) == field.Length);

    /// <exception cref="InputException">The model's data come from a source of its worker program's own, which prepares them itself.</exception>
    public NormalizationTable Table => _table ?? throw new InputException(_path, 0, $"The model's data come from the data source '{Spec.Data.Source}' of its worker program, and no file can take its place.", "Evaluate it on the job's own validation data, or load it by its tensors' names in a program of your own.");

    /// <summary>The job's data with other files in their place; a tokenizer's files lie beside them.</summary>
    public DataSpec DataAt(string data, string? labels) =>
        Spec.Data with { Train = data, TrainMore = [], TrainLabels = labels, Validation = null, ValidationMore = [], ValidationLabels = null, Split = null, Text = Spec.Data.Text?.WithFiles(file => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(data))!, file)) };

    /// <summary>What a sample counts in the loss, by its class; null: all count alike.</summary>
    /// <param name="data">That it is used on.</param>
    /// <exception cref="InputException">The job names classes that the preparation does not have.</exception>
    public float[]? ClassWeights(JobData data) => OfJob(() => _table is null ? data.ClassWeights(Spec.ClassWeights) : ClassWeighting.Of(Spec.ClassWeights, _table));

    /// <summary>Names of the classes, by index; none where the labels are no classes.</summary>
    /// <param name="data">That it is used on.</param>
    public IReadOnlyList<string> ClassNames(JobData data) => _table?.NamesOfClasses() ?? data.ClassNames();

    /// <summary>The model with its values.</summary>
    /// <exception cref="InputException">The file does not hold the tensors that its job has.</exception>
    /// <param name="fields">Of the data that it is used on.</param>
    /// <param name="catalog">The models of this program's own.</param>
    /// <param name="dataFile">For messages.</param>
    public NeuralModel Build(IReadOnlyList<DataField> fields, ComponentCatalog catalog, string dataFile)
    {
        // Its values come from the file, whatever its training began with.
        JobSpec spec = Spec with { Data = Spec.Data with { Train = dataFile }, Model = Spec.Model with { Weights = null, Torchscript = Spec.Model.Torchscript is { } script ? FindScript(script) : null } };
        if (spec.Model.IsLayers)
        {
            // Before anything of the sizes that the file names is made.
            NeuralModel.CheckLabels(spec, fields);
            Flatten(OfJob(() => NeuralModel.TensorsOf(spec, fields)));
        }

        NeuralModel model = NeuralModel.Build(spec, fields, catalog);
        try
        {
            // As the job's workers took the values, and measured them.
            float[] values = Flatten(model.Tensors);
            new PullRounding(spec.Pull, model.Tensors.Select(t => (t.Kind, (int)t.Elements))).Apply(values, values);
            model.Load(values);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The TorchScript file that the model was trained from: it lies beside the model, or where the job of the run's folder says.</summary>
    /// <exception cref="InputException">It is nowhere, or another one.</exception>
    private string FindScript(string name)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(_path))!, job = new RunFolder(folder).Job;
        string[] places = [Path.Combine(folder, Path.GetFileName(name)), .. File.Exists(job) && JobFile.Load(job, []).Model.Torchscript is { } named ? new[] { named } : []];
        string found = places.FirstOrDefault(File.Exists) ?? throw new InputException(_path, 0, $"The model is of the TorchScript file {name}, which is not at {string.Join(" nor at ", places)}.", "Copy the file that it was trained from beside the model.");
        return JsonSerializer.Serialize(Sha256Of(found)) == MetadataOf(PreparedJob.ScriptKey)
            ? found
            : throw new InputException(found, 0, "This is another TorchScript file than the one that the model was trained from.", "Copy that one beside the model.");
    }

    private static string Sha256Of(string path)
    {
        using FileStream file = RegularFile.Open(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>What is wrong with the job that a model file has in it is told of that file.</summary>
    private T OfJob<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InputException exception)
        {
            throw new InputException([.. exception.Errors.Select(error => error.File == _path ? error : new InputError(_path, 0, $"The job in the model's metadata cannot be: {error.Message}", Remedy))]);
        }
    }

    private string MetadataOf(string key) => _file.Metadata.TryGetValue(key, out string? text)
        ? text
        : throw new InputException(_path, 0, $"The model file has no '{key}' in its metadata.", Remedy);

    private float[] Flatten(IReadOnlyList<TensorSpec> tensors)
    {
        Dictionary<string, NamedTensor> byName = _file.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var flat = new List<float>();
        foreach (var tensor in tensors)
        {
            if (!byName.TryGetValue(tensor.Name, out NamedTensor? found) || !found.Shape.SequenceEqual(tensor.Shape))
            {
                throw new InputException(_path, 0, $"The model file has no tensor {tensor.Name} of [{string.Join(", ", tensor.Shape)}], which its job has.", Remedy);
            }

            flat.AddRange(found.Values);
        }

        return [.. flat];
    }
}
