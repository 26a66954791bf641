using static Lockstep.Contracts.Jobs.ValueKind;

namespace Lockstep.Contracts.Jobs;

/// <summary>All keys of a job file.</summary>
internal static class JobKeys
{
    /// <summary>Keys that a layer of a kind may have beside <c>kind</c>; kinds that are not named have none.</summary>
    public static IReadOnlyDictionary<LayerKind, string[]> OfLayer { get; } = new Dictionary<LayerKind, string[]>
    {
        [LayerKind.Linear] = ["out", "bias"],
        [LayerKind.Conv2d] = ["out", "kernel", "stride", "padding", "bias"],
        [LayerKind.MaxPool2d] = ["kernel", "stride", "padding"],
        [LayerKind.AvgPool2d] = ["kernel", "stride", "padding"],
        [LayerKind.BatchNorm] = ["epsilon", "momentum"],
        [LayerKind.LayerNorm] = ["epsilon"],
        [LayerKind.Dropout] = ["p"],
    };

    /// <summary>Keys of <c>data</c> that go with a format, beside those of all.</summary>
    public static IReadOnlyDictionary<DataFormat, string[]> OfFormat { get; } = new Dictionary<DataFormat, string[]>
    {
        [DataFormat.Csv] = ["features", "labels", "categories", "header", "delimiter", "encoding", "decimal", "thousands", "missing", "missingValues", "missingCategory", "unknown", "exclude", "normalize", "normalizeLabels"],
        [DataFormat.Idx] = ["trainLabels", "validationLabels", "normalize", "normalizeLabels"],
        [DataFormat.Text] = ["text", "encoding", "unknown"],
        [DataFormat.Source] = [],
    };

    public static JobKey Layer { get; } = new("layer", Map, "A layer.")
    {
        Keys =
        [
            new("kind", Word, "Which layer.") { Required = true, Words = JobWords.All<LayerKind>() },
            new("out", Whole, "linear: outputs (the last layer's default is what loss and data need); conv2d: output channels.") { Minimum = 1, Maximum = 1 << 24 },
            new("kernel", Whole, "conv2d (default 3) and pools (default 2): edge of the square window.") { Minimum = 1, Maximum = 1024 },
            new("stride", Whole, "conv2d (default 1) and pools (default: kernel).") { Minimum = 1, Maximum = 1024 },
            new("padding", Whole, "conv2d and pools.") { Minimum = 0, Maximum = 1024, Default = "0" },
            new("p", Number, "dropout: probability of zeroing.") { Minimum = 0, Maximum = 1, BelowMaximum = true, Default = "0.5" },
            new("epsilon", Number, "batch-norm and layer-norm: added to the variance.") { Minimum = 0, AboveMinimum = true, Default = "1e-5" },
            new("momentum", Number, "batch-norm: weight of the newest batch in the running statistics.") { Minimum = 0, AboveMinimum = true, Maximum = 1, Default = "0.1" },
            new("bias", Flag, "linear and conv2d: whether there is a bias.") { Default = "true" },
        ],
    };

    /// <summary>Formats that a job file can name; a source of one's own is named by its key.</summary>
    private static IReadOnlyList<string> Formats { get; } = [.. JobWords.All<DataFormat>().Where(word => word != JobWords.Of(DataFormat.Source))];

    private static JobKey Path { get; } = new("path", Text, "");
    private static JobKey ColumnName { get; } = new("column", Text, "");

    public static JobKey Job { get; } = new("job", Map, "A training job.")
    {
        Keys =
        [
            new("name", Text, "Name of the job: lower-case letters, digits and dashes, at most 40.") { Required = true, Pattern = JobNames.Pattern },
            new("model", Map, "What is trained: a preset, a list of layers, or a model of one's own.")
            {
                Required = true,
                Keys =
                [
                    new("preset", Word, "A ready list of layers; cnn has two convolutions and needs [channels, height, width].") { Words = ["mlp", "cnn"] },
                    new("hidden", List, "mlp: widths of the hidden layers, each followed by relu.") { Items = new("width", Whole, "") { Minimum = 1, Maximum = 1 << 24 } },
                    new("input", List, "Shape of one sample without the batch, such as [64] or [1, 28, 28]; default: as the data gives it.") { Items = new("size", Whole, "") { Minimum = 1, Maximum = 1 << 24 }, NotEmpty = true },
                    new("layers", List, "Layers in order; a kind alone, or a map of kind and its numbers.") { Items = Layer with { Kind = ValueKind.Layer }, NotEmpty = true },
                    new("name", Text, "A model of one's own, by the name that the worker program gives it.") { Pattern = JobNames.Pattern },
                    new("options", Options, "name: what its constructor is told."),
                    new("metrics", List, "name: metrics that the model brings.") { Items = new("name", Text, "") { Pattern = "^[a-z0-9_-]{1,40}$" } },
                    Path with { Name = "weights", Meaning = "A safetensors file with initial values, by name." },
                    new("weightNames", Options, "weights: what a tensor of the model is called in the file, where that is another name."),
                    new("strict", Flag, "weights: whether the file must have all tensors of the model and no others; what does not fit is listed.") { Default = "true" },
                ],
            },
            new("data", Map, "What it is trained on. Relative paths are taken from the job file's folder.")
            {
                Required = true,
                Keys =
                [
                    new("format", Word, "What the files are, each plain or .gz; this or source.") { Words = Formats },
                    new("source", Text, "A data source of one's own, by the name that the worker program gives it.") { Pattern = JobNames.Pattern },
                    new("options", Options, "source: what its constructor is told."),
                    new("train", List, "The file or files, whose rows or texts follow each other; * and ? in a file's name stand for any characters; idx: the images; source: files that it is told of, if any.") { Items = Path, NotEmpty = true },
                    Path with { Name = "trainLabels", Meaning = "idx: the labels." },
                    new("validation", List, "Data that are measured and not trained on; files as with train.") { Items = Path, NotEmpty = true },
                    Path with { Name = "validationLabels", Meaning = "idx: their labels." },
                    new("split", Number, "Fraction of the training data that is held out for validation instead, chosen by the seed.") { Minimum = 0, AboveMinimum = true, Maximum = 1, BelowMaximum = true },
                    new("features", List, "csv: columns by name or zero-based index, -1 being the last; default: all that are no labels.") { Items = ColumnName },
                    new("exclude", List, "csv: columns that are no features, instead of listing those that are.") { Items = ColumnName },
                    new("labels", List, "csv: one column for classes, one or more for numbers.") { Items = ColumnName, NotEmpty = true },
                    new("categories", List, "csv: columns whose texts are categories, one-hot as features, an index as a label; auto: every column with texts that are no numbers. A label of texts need not be listed for a loss over classes.") { Items = ColumnName },
                    new("header", Flag, "csv: whether the first line has the columns' names.") { Default = "true" },
                    new("delimiter", Text, "csv: what separates columns: a tab, a space or a sign of ASCII, no quote.") { Pattern = "^[\\t !#-/:-@\\[-`{-~]$", Default = "," },
                    new("encoding", Text, "csv and text: encoding of the text, such as utf-8, windows-1252 or shift_jis.") { Default = "utf-8" },
                    new("decimal", Text, "csv: what stands before a number's fraction, a point or a comma.") { Pattern = "^[.,]$", Default = "." },
                    new("thousands", Text, "csv: what stands between groups of three digits.") { Pattern = "^[.,' _\u00A0\u202F]$" },
                    new("missing", Word, "What a missing number is replaced with.") { Words = JobWords.All<MissingPolicy>(), Default = "refuse" },
                    new("missingValues", List, "csv: texts that mean no value, beside an empty field; default: ?, NA, N/A, NaN, nan, null, NULL.") { Items = new("text", Text, "") },
                    new("missingCategory", Word, "csv: own: a missing category is one of its own; zero: it has no flag; default: refused where missing refuses, else zero.") { Words = JobWords.All<MissingCategoryPolicy>() },
                    new("unknown", Word, "What a category or character is that only later data have; ignore: it has no flag, and a character is left out.") { Words = JobWords.All<UnknownPolicy>(), Default = "refuse" },
                    new("normalize", Word, "How features are scaled, by the training rows; stored with the model.") { Words = JobWords.All<NormalizationKind>(), Default = "none" },
                    new("normalizeLabels", Word, "How labels that are numbers are scaled for the loss, by the training rows; stored with the model. The metrics mae, rmse and mape stay in the labels' own unit.") { Words = JobWords.All<NormalizationKind>(), Default = "none" },
                    new("text", Map, "text: how it is cut into tokens and samples.")
                    {
                        Keys =
                        [
                            new("length", Whole, "Tokens of a sample; its label are the tokens that follow each.") { Required = true, Minimum = 1, Maximum = 1 << 16 },
                            new("stride", Whole, "Tokens from one sample's beginning to the next one's; default: length.") { Minimum = 1, Maximum = 1 << 16 },
                            new("tokenizer", Word, "What a token is; bpe as of GPT-2, word-piece as of BERT.") { Words = JobWords.All<TokenizerKind>(), Default = "characters" },
                            Path with { Name = "vocabulary", Meaning = "The tokenizer's file: vocab.json (bpe), vocab.txt (word-piece) or the model (sentence-piece)." },
                            Path with { Name = "merges", Meaning = "bpe: merges.txt." },
                        ],
                    },
                ],
            },
            new("loss", Word, "What is minimised; model: what a model of one's own says.") { Required = true, Words = JobWords.All<LossKind>() },
            new("metrics", List, "What is measured on the validation data beside the loss.") { Items = new("metric", Word, "") { Words = JobWords.All<MetricKind>() } },
            new("best", Map, "Which evaluated version is kept as the model, and when to stop; default: the last version.")
            {
                Keys =
                [
                    new("metric", Text, "What is measured on the validation data: loss, or one of the job's or the model's metrics that is a number.") { Required = true },
                    new("mode", Word, "What is better; default: min for loss, mae, rmse and mape, max for the others; needed for a metric that the model brings.") { Words = JobWords.All<BestMode>() },
                    new("patience", Whole, "The job ends after so many evaluations in a row without a better one; default: it goes on to its end.") { Minimum = 1, Maximum = 1_000_000 },
                    new("minDelta", Number, "A value that is better by no more does not let patience begin anew; default: 0.") { Minimum = 0 },
                ],
            },
            new("classWeights", Weights, "Losses over classes: what a sample of a class counts in the loss, 1 where it is not named; balanced: all classes of the training rows count alike in sum.") { Minimum = 0, AboveMinimum = true, Maximum = ClassWeights.Largest },
            new("optimizer", Map, "How parameters are updated.")
            {
                Keys =
                [
                    new("kind", Word, "") { Words = JobWords.All<OptimizerKind>(), Default = "adam" },
                    new("learningRate", Number, "Peak learning rate.") { Minimum = 0, AboveMinimum = true, Maximum = ScheduleSpec.LargestRate, Default = "1e-3" },
                    new("momentum", Number, "sgd.") { Minimum = 0, Maximum = 1, BelowMaximum = true, Default = "0" },
                    new("nesterov", Flag, "sgd with momentum.") { Default = "false" },
                    new("weightDecay", Number, "adamw: decoupled; else added to the gradient.") { Minimum = 0, Maximum = 1e6, Default = "0" },
                    new("beta1", Number, "adam, adamw.") { Minimum = 0, Maximum = 1, BelowMaximum = true, Default = "0.9" },
                    new("beta2", Number, "adam, adamw.") { Minimum = 0, Maximum = 1, BelowMaximum = true, Default = "0.999" },
                    new("epsilon", Number, "adam, adamw, adagrad.") { Minimum = 0, AboveMinimum = true, Maximum = 1, Default = "1e-8" },
                    new("clipNorm", Number, "Largest global norm of the gradient; default: no clipping.") { Minimum = 0, AboveMinimum = true },
                ],
            },
            new("schedule", Map, "How the learning rate moves.")
            {
                Keys =
                [
                    new("kind", Word, "") { Words = JobWords.All<ScheduleKind>(), Default = "constant" },
                    new("warmupSteps", Whole, "Steps of linear warm-up from 0.") { Minimum = 0, Maximum = long.MaxValue / 2, Default = "0" },
                    new("stepSize", Whole, "step: every so many steps the rate is multiplied by gamma.") { Minimum = 1, Maximum = long.MaxValue / 2 },
                    new("gamma", Number, "step; above 1 the rate rises.") { Minimum = 0, AboveMinimum = true, Maximum = ScheduleSpec.LargestGamma, Default = "0.1" },
                    new("finalFraction", Number, "cosine: fraction of the peak at the end.") { Minimum = 0, Maximum = 1, Default = "0" },
                ],
            },
            new("epochs", Whole, "Passes over the training data; this or steps.") { Minimum = 1, Maximum = 1_000_000 },
            new("steps", Whole, "Optimizer updates; this or epochs.") { Minimum = 1, Maximum = 1_000_000_000_000 },
            new("globalBatch", Whole, "Samples of one step, over all slots.") { Minimum = 1, Maximum = 1 << 24, Default = "64" },
            new("slots", Whole, "Virtual workers that a step is cut into: part of the result, and the most workers that can help.") { Minimum = 1, Maximum = 65_536, Default = "8" },
            new("seed", Whole, "Of initial values, order of samples, split and dropout.") { Minimum = 0, Maximum = ulong.MaxValue, Default = "0" },
            new("contribution", Whole, "Bits of what a slot contributes to a parameter: 16, rounded at random by the seed, take half as long between hosts.") { Choices = [16, 32], Default = "32" },
            new("pull", Word, "What workers compute with of the parameters' values, which are kept as float32: bfloat16 take half as long between hosts.") { Words = JobWords.All<PullFormat>(), Default = "float32" },
            new("workers", Map, "How many workers take part; no part of the result.")
            {
                Keys =
                [
                    new("min", Whole, "The job begins with so many.") { Minimum = 1, Maximum = 10_000, Default = "1" },
                    new("max", Whole, "More are not taken.") { Minimum = 1, Maximum = 10_000, Default = "8" },
                ],
            },
            new("shards", Whole, "Parameter servers; no part of the result.") { Minimum = 1, Maximum = 256, Default = "1" },
            new("checkpoint", Map, "When the state is written down.")
            {
                Keys =
                [
                    new("every", Whole, "Every so many steps; 0: only at the end.") { Minimum = 0, Maximum = long.MaxValue / 2, Default = "100" },
                    new("keep", Whole, "Newest checkpoints kept.") { Minimum = 1, Maximum = 10_000, Default = "3" },
                ],
            },
            new("threadsPerWorker", Whole, "Threads of one worker; part of the determinism class.") { Minimum = 1, Maximum = 1024, Default = "1" },
        ],
    };
}
