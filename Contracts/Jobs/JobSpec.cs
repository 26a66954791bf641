using System.Text.Json.Serialization;
using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Jobs;

/// <summary>A job as its file describes it, after validation: every default is filled in and every path is absolute.</summary>
public sealed record JobSpec
{
    /// <value>Lower-case letters, digits and dashes, at most 40 characters.</value>
    public required string Name { get; init; }
    public required ModelSpec Model { get; init; }
    public required DataSpec Data { get; init; }
    public required LossKind Loss { get; init; }
    /// <value>Numbers of the loss; null: all have their defaults.</value>
    public LossOptions? LossOptions { get; init; }
    public IReadOnlyList<MetricKind> Metrics { get; init; } = [];
    /// <value>Of the metric top-k: how many classes of a sample may be right. Null: 5.</value>
    public int? TopK { get; init; }
    /// <value>Of the metric recall-at-precision: the precision that must be had, above 0 and at most 1. Null: 0.9.</value>
    public double? AtPrecision { get; init; }
    /// <value>Losses over classes only; null: all samples count alike.</value>
    public ClassWeights? ClassWeights { get; init; }
    /// <value>Which evaluated version is kept as the model; null: the last version is.</value>
    public BestSpec? Best { get; init; }
    public OptimizerSpec Optimizer { get; init; } = new();
    public ScheduleSpec Schedule { get; init; } = new();
    /// <value>Passes over the training data; exactly one of Epochs and Steps is set.</value>
    public int? Epochs { get; init; }
    /// <value>Optimizer updates.</value>
    public long? Steps { get; init; }
    /// <value>Samples of one step over all slots. Default 64.</value>
    public int GlobalBatch { get; init; } = 64;
    /// <value>Virtual workers, M. Default 8; at most GlobalBatch.</value>
    public int Slots { get; init; } = 8;
    public ulong Seed { get; init; }
    /// <value>Bits of what a slot contributes: 16, or 32, the default.</value>
    public int Contribution { get; init; } = 32;
    /// <value>What workers compute with of the values that parameter servers keep.</value>
    public PullFormat Pull { get; init; } = PullFormat.Float32;
    public WorkersSpec Workers { get; init; } = new();
    /// <value>Parameter-server shards. Default 1.</value>
    public int Shards { get; init; } = 1;
    public CheckpointSpec Checkpoint { get; init; } = new();
    /// <value>Threads of one worker; part of the determinism class. Default 1.</value>
    public int ThreadsPerWorker { get; init; } = 1;

    /// <value>Whether its model or data are of the worker program's own.</value>
    [JsonIgnore]
    public bool HasOwnCode => Model.Name is not null || Data.Source is not null;

    /// <summary>All files, with the key that names each, such as <c>data.train</c>.</summary>
    public IEnumerable<(string Key, string Path)> Files() =>
        [.. Data.Files().Select(file => ($"data.{file.Key}", file.Path)), .. Model.Files().Select(file => ($"model.{file.Key}", file.Path))];
}

/// <summary>A preset, a list of layers, a model that was scripted in Python, or one of the worker program's own.</summary>
public sealed record ModelSpec
{
    /// <value>One of <see cref="PresetForms"/>; null where Layers is given.</value>
    public string? Preset { get; init; }
    /// <value>Widths of the hidden layers of the presets mlp and tabular.</value>
    public IReadOnlyList<int> Hidden { get; init; } = [];
    /// <value>resnet: blocks of each of its three stages; transformer: its blocks. Null: the preset's own.</value>
    public int? Depth { get; init; }
    /// <value>resnet: channels of the first stage; transformer: numbers of one step. Null: the preset's own.</value>
    public int? Width { get; init; }
    /// <value>transformer: heads of each block. Null: the preset's own.</value>
    public int? Heads { get; init; }
    /// <value>transformer and tabular: probability of zeroing, in [0, 1). Null: the preset's own.</value>
    public double? Dropout { get; init; }
    /// <value>Shape of one sample without the batch, such as [64] or [1, 28, 28]; null: as the data gives it.</value>
    public IReadOnlyList<int>? Input { get; init; }
    public IReadOnlyList<LayerSpec> Layers { get; init; } = [];
    /// <value>By which the worker program knows a model of its own; null: it has none.</value>
    public string? Name { get; init; }
    /// <value>A TorchScript file, which is the model and its initial values; null: there is none.</value>
    public string? Torchscript { get; init; }
    /// <value>Of a model of the worker program's own, as texts, by name; null: none.</value>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
    /// <value>Metrics that the model brings, told after those of the job.</value>
    public IReadOnlyList<string> Metrics { get; init; } = [];
    /// <value>A safetensors file with initial values, by name; null: none.</value>
    public string? Weights { get; init; }
    /// <value>What a tensor of the model is called in the file, where that is another name; null: nothing is.</value>
    public IReadOnlyDictionary<string, string>? WeightNames { get; init; }
    /// <value>Whether the file has all tensors of the model, and no others. Default true.</value>
    public bool Strict { get; init; } = true;

    /// <value>Whether it is a preset or layers, which are known without libtorch.</value>
    [JsonIgnore]
    public bool IsLayers => Name is null && Torchscript is null;

    /// <summary>All files, with the key that names each.</summary>
    public IEnumerable<(string Key, string Path)> Files() =>
        new[] { ("torchscript", Torchscript), ("weights", Weights) }.Where(file => file.Item2 is not null).Select(file => (file.Item1, file.Item2!));

    /// <summary>This model with other files in the place of those that it names.</summary>
    /// <param name="change">Gets each file's path.</param>
    public ModelSpec WithFiles(Func<string, string> change) => this with
    {
        Torchscript = Torchscript is { } script ? change(script) : null,
        Weights = Weights is { } weights ? change(weights) : null,
    };
}

public enum LossKind { Mse = 1, Mae = 2, CrossEntropy = 3, BinaryCrossEntropy = 4, Model = 5, Huber = 6 }

public enum MetricKind { Accuracy = 1, Mae = 2, Rmse = 3, Auc = 4, F1 = 5, Precision = 6, Recall = 7, Confusion = 8, R2 = 9, Mape = 10, TopK = 11, Perplexity = 12, RecallAtPrecision = 13 }

public enum PullFormat { Float32 = 1, [JsonStringEnumMemberName("bfloat16")] BFloat16 = 2 }

/// <summary>Which of the evaluated versions is the best, and when there is no more to hope for.</summary>
public sealed record BestSpec
{
    /// <summary>Stands beside the metrics.</summary>
    public const string Loss = "loss";

    /// <value><see cref="Loss"/>, the word of one of the job's metrics, or the name of one that the model brings.</value>
    public required string Metric { get; init; }
    public required BestMode Mode { get; init; }
    /// <value>The job ends after so many evaluations in a row without a better one; null: it goes on to its end.</value>
    public int? Patience { get; init; }
    /// <value>What a value must be better by than the one that patience goes by, for patience to begin anew. Default 0.</value>
    public double MinDelta { get; init; }

    /// <summary>What is better of a metric: less of an error, more of the others.</summary>
    public static BestMode UsualMode(string metric) =>
        metric == Loss || metric == JobWords.Of(MetricKind.Mae) || metric == JobWords.Of(MetricKind.Rmse) || metric == JobWords.Of(MetricKind.Mape) || metric == JobWords.Of(MetricKind.Perplexity) ? BestMode.Min : BestMode.Max;
}

public enum BestMode { Min = 1, Max = 2 }

/// <summary>How files are read; csv, json-lines and parquet are tables.</summary>
public enum DataFormat { Csv = 1, Idx = 2, Source = 3, Text = 4, JsonLines = 5, Parquet = 6, Images = 7 }

public enum MissingPolicy { Refuse = 1, Mean = 2, Median = 3, Zero = 4 }

public enum MissingCategoryPolicy { Own = 1, Zero = 2 }

public enum UnknownPolicy { Refuse = 1, Ignore = 2 }

public enum NormalizationKind { None = 1, Standard = 2, MinMax = 3 }

public sealed record DataSpec
{
    /// <summary>In Categories, alone: every column that holds something else than numbers.</summary>
    public const string AutoCategories = "auto";

    public required DataFormat Format { get; init; }
    /// <value>By which the worker program knows a data source of its own; null: Format says how files are read.</value>
    public string? Source { get; init; }
    /// <value>Of a source of the worker program's own, as texts, by name; null: none.</value>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
    /// <value>The file or folder, or the first of several; of a source, empty: none. Idx: the images.</value>
    public required string Train { get; init; }
    /// <value>The files that follow Train, in this order.</value>
    public IReadOnlyList<string> TrainMore { get; init; } = [];
    /// <value>Idx: the labels of Train.</value>
    public string? TrainLabels { get; init; }
    /// <value>Idx: the labels of TrainMore, one by one.</value>
    public IReadOnlyList<string> TrainLabelsMore { get; init; } = [];
    public string? Validation { get; init; }
    /// <value>The files that follow Validation.</value>
    public IReadOnlyList<string> ValidationMore { get; init; } = [];
    public string? ValidationLabels { get; init; }
    /// <value>Idx: the labels of ValidationMore, one by one.</value>
    public IReadOnlyList<string> ValidationLabelsMore { get; init; } = [];
    /// <value>Fraction of Train held out for validation, in (0, 1), by a seeded permutation; null where Validation is given or none is wanted.</value>
    public double? Split { get; init; }
    /// <value>Tables: names or zero-based indexes, from the end where negative; empty: every column that is neither a label nor excluded.</value>
    public IReadOnlyList<string> Features { get; init; } = [];
    /// <value>Tables: columns that are no features, where Features is empty.</value>
    public IReadOnlyList<string> Exclude { get; init; } = [];
    /// <value>Tables: one name or index for classes, one or more for regression.</value>
    public IReadOnlyList<string> Labels { get; init; } = [];
    /// <value>Columns whose texts are categories: one-hot as features, an index as a label; or <see cref="AutoCategories"/>.</value>
    public IReadOnlyList<string> Categories { get; init; } = [];
    public bool Header { get; init; } = true;
    public char Delimiter { get; init; } = ',';
    /// <value>Csv and text: encoding of the text. Default utf-8.</value>
    public string Encoding { get; init; } = TextEncodings.Usual;
    /// <value>Csv: what stands before a number's fraction. Default a point.</value>
    public char Decimal { get; init; } = '.';
    /// <value>Csv: what stands between groups of three digits; null: nothing.</value>
    public char? Thousands { get; init; }
    public MissingPolicy Missing { get; init; } = MissingPolicy.Refuse;
    /// <value>Tables: texts that mean no value, beside the empty one; null: those of docs/job-file.md.</value>
    public IReadOnlyList<string>? MissingValues { get; init; }
    /// <value>Tables: what a missing category is; null: refused where Missing refuses, else without a flag.</value>
    public MissingCategoryPolicy? MissingCategory { get; init; }
    /// <value>Tables and text: what a category or character is that the training data do not have.</value>
    public UnknownPolicy Unknown { get; init; } = UnknownPolicy.Refuse;
    public NormalizationKind Normalize { get; init; } = NormalizationKind.None;
    /// <value>How labels that are numbers are scaled for the loss; metrics are in the labels' own unit.</value>
    public NormalizationKind NormalizeLabels { get; init; } = NormalizationKind.None;
    /// <value>Of the format text, else null.</value>
    public TextSpec? Text { get; init; }
    /// <value>Of the format images, else null.</value>
    public ImageSpec? Image { get; init; }

    /// <summary>All files, with the key that names each.</summary>
    public IEnumerable<(string Key, string Path)> Files() =>
    [
        .. Train.Length == 0 && Source is not null ? Array.Empty<(string, string)>() : [("train", Train)],
        .. TrainMore.Select(path => ("train", path)),
        .. Named("trainLabels", TrainLabels, TrainLabelsMore),
        .. Named("validation", Validation, ValidationMore),
        .. Named("validationLabels", ValidationLabels, ValidationLabelsMore),
        .. new[] { ("text.vocabulary", Text?.Vocabulary), ("text.merges", Text?.Merges) }.Where(f => f.Item2 is not null).Select(f => (f.Item1, f.Item2!)),
    ];

    /// <summary>These data with other files, or none, in the place of those that lie about.</summary>
    /// <param name="change">Gets each file's path.</param>
    public DataSpec WithFiles(Func<string, string> change) => this with
    {
        Train = change(Train),
        TrainMore = [.. TrainMore.Select(change)],
        TrainLabels = TrainLabels is { } labels ? change(labels) : null,
        Validation = Validation is { } validation ? change(validation) : null,
        ValidationMore = [.. ValidationMore.Select(change)],
        TrainLabelsMore = [.. TrainLabelsMore.Select(change)],
        ValidationLabels = ValidationLabels is { } held ? change(held) : null,
        ValidationLabelsMore = [.. ValidationLabelsMore.Select(change)],
        Text = Text?.WithFiles(change),
    };

    private static IEnumerable<(string Key, string Path)> Named(string key, string? first, IReadOnlyList<string> more) =>
        first is null ? [] : more.Prepend(first).Select(path => (key, path));
}

public sealed record WorkersSpec
{
    public int Min { get; init; } = 1;
    public int Max { get; init; } = 8;
}

public sealed record CheckpointSpec
{
    /// <value>A checkpoint every so many steps; 0: only at the end. Default 100.</value>
    public long Every { get; init; } = 100;
    /// <value>Newest sets kept. Default 3.</value>
    public int Keep { get; init; } = 3;
}
