using static Lockstep.Contracts.Jobs.ValueKind;

namespace Lockstep.Contracts.Jobs;

/// <summary>All keys of a job file.</summary>
internal static class JobKeys
{
    private static JobKey Layers { get; } = new("layers", List, "Layers in order; a kind alone, or a map of kind and its keys.") { Items = new("layer", ValueKind.Layer, ""), NotEmpty = true };

    /// <summary>Keys of <c>data</c> that go with a format, beside those of all.</summary>
    public static IReadOnlyDictionary<DataFormat, string[]> OfFormat { get; } = new Dictionary<DataFormat, string[]>
    {
        [DataFormat.Csv] = [.. OfTables, "header", "delimiter", "encoding", "decimal", "thousands"],
        [DataFormat.Idx] = ["trainLabels", "validationLabels", "normalize", "normalizeLabels"],
        [DataFormat.Text] = ["text", "encoding", "unknown"],
        [DataFormat.JsonLines] = OfTables,
        [DataFormat.Parquet] = OfTables,
        [DataFormat.Images] = ["image", "features", "labels", "categories", "header", "delimiter", "encoding", "normalize", "normalizeLabels"],
        [DataFormat.Source] = [],
    };

    private static string[] OfTables => ["features", "labels", "categories", "missing", "missingValues", "missingCategory", "unknown", "exclude", "normalize", "normalizeLabels"];

    public static JobKey Layer { get; } = new("layer", Map, "A layer.")
    {
        Keys =
        [
            new("kind", Word, "Which layer.") { Required = true, Words = JobWords.All<LayerKind>() },
            new("out", Whole, "Numbers that come out: of a linear layer (the last one's default is what loss and data need), of a step of recurrent layers, of an embedding (category-embedding: of each category; default: half as many as it has texts, and 50 at most); channels of a convolution.") { Minimum = 1, Maximum = 1 << 24 },
            new("kernel", Whole, "Convolutions (default 3) and pools (default 2): edge of the window.") { Minimum = 1, Maximum = 1024 },
            new("stride", Whole, "Convolutions (default 1) and pools (default: kernel).") { Minimum = 1, Maximum = 1024 },
            new("padding", Whole, "Convolutions and pools.") { Minimum = 0, Maximum = 1024, Default = "0" },
            new("p", Number, "Probability of zeroing: dropout (default 0.5); attention and transformer-encoder (default 0); between recurrent layers (default 0).") { Minimum = 0, Maximum = 1, BelowMaximum = true },
            new("epsilon", Number, "Normalisation: added to the variance.") { Minimum = 0, AboveMinimum = true, Default = "1e-5" },
            new("momentum", Number, "Batch normalisation: weight of the newest batch in the running statistics.") { Minimum = 0, AboveMinimum = true, Maximum = 1, Default = "0.1" },
            new("bias", Flag, "Whether there is a bias.") { Default = "true" },
            new("size", Whole, "embedding: how many whole numbers there are, from 0; default: as the data say.") { Minimum = 1, Maximum = 1 << 24 },
            new("heads", Whole, "Attention: heads that share the sequence's width.") { Minimum = 1, Maximum = 1024 },
            new("causal", Flag, "Attention: whether a step sees itself and those before it alone.") { Default = "false" },
            new("depth", Whole, "Blocks of a transformer-encoder, or recurrent layers, one upon the other.") { Minimum = 1, Maximum = 1024, Default = "1" },
            new("hidden", Whole, "transformer-encoder: numbers between a block's two linear layers; default: four times the width.") { Minimum = 1, Maximum = 1 << 24 },
            new("activation", Word, "transformer-encoder: between them.") { Words = JobWords.All<ActivationKind>(), Default = "gelu" },
            new("normFirst", Flag, "transformer-encoder: layer norms stand before attention and linear layers, and one at the end; else behind them.") { Default = "true" },
            new("bidirectional", Flag, "Recurrent layers: through the steps from both ends, which doubles the outputs.") { Default = "false" },
            new("last", Flag, "Recurrent layers: what is left at the end, [out], instead of the sequence.") { Default = "false" },
            new("groups", Whole, "group-norm: groups that the channels are cut into.") { Minimum = 1, Maximum = 1 << 24 },
            new("fixed", Flag, "positional-encoding: sines and cosines instead of learned numbers.") { Default = "false" },
            Layers with { Meaning = "residual: what is added to the input." },
            Layers with { Name = "shortcut", Meaning = "residual: what the input itself goes through, where the layers change its shape." },
            new("branches", List, "parallel: a list of rows of layers.") { Items = Layers, NotEmpty = true },
            new("join", Word, "parallel: how the branches become one.") { Words = JobWords.All<JoinKind>(), Default = "concat" },
        ],
    };

    /// <summary>Of <c>optimizer.groups</c>.</summary>
    public static JobKey ParameterGroup { get; } = new("group", Map, "Parameters by name.")
    {
        Keys =
        [
            new("names", List, "Names of parameters, as model.safetensors has them; * stands for any characters, ? for one.") { Required = true, NotEmpty = true, Items = new("name", Text, "") },
            new("rate", Number, "What the learning rate is multiplied by; 0: they stay as they are.") { Minimum = 0, Maximum = ScheduleSpec.LargestRate, Default = "1" },
            new("weightDecay", Number, "Default: the optimizer's own.") { Minimum = 0, Maximum = 1e6 },
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
            new("model", Map, "What is trained: a preset, a list of layers, a model of one's own, or one that was scripted in Python.")
            {
                Required = true,
                Keys =
                [
                    new("preset", Word, "A ready list of layers; cnn and resnet need [channels, height, width], transformer whole numbers in a row, tabular CSV data.") { Words = [.. PresetForms.Keys.Keys] },
                    new("hidden", List, "mlp and tabular: widths of the hidden layers, each followed by relu; default: none, and 128 and 64.") { Items = new("width", Whole, "") { Minimum = 1, Maximum = 1 << 24 } },
                    new("depth", Whole, "resnet: blocks of each of its three stages (default 2); transformer: its blocks (default 2).") { Minimum = 1, Maximum = 1024 },
                    new("width", Whole, "resnet: channels of the first stage (default 16); transformer: numbers of a step (default 64).") { Minimum = 1, Maximum = 1 << 20 },
                    new("heads", Whole, "transformer: heads of a block (default 4).") { Minimum = 1, Maximum = 1024 },
                    new("dropout", Number, "transformer and tabular: probability of zeroing (default 0).") { Minimum = 0, Maximum = 1, BelowMaximum = true },
                    new("input", List, "Shape of one sample without the batch, such as [64] or [1, 28, 28]; default: as the data gives it.") { Items = new("size", Whole, "") { Minimum = 1, Maximum = 1 << 24 }, NotEmpty = true },
                    Layers,
                    new("name", Text, "A model of one's own, by the name that the worker program gives it.") { Pattern = JobNames.Pattern },
                    Path with { Name = "torchscript", Meaning = "A model that was scripted in Python: a file of torch.jit.save, which has its initial values too." },
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
                    new("format", Word, "What the files are; csv, json-lines and parquet are tables; this or source.") { Words = Formats },
                    new("source", Text, "A data source of one's own, by the name that the worker program gives it.") { Pattern = JobNames.Pattern },
                    new("options", Options, "source: what its constructor is told."),
                    new("train", List, "The file or files, whose rows or texts follow each other; * and ? in a name stand for any characters; images: folders, or tables of names; idx: the images; source: files that it is told of, if any.") { Items = Path, NotEmpty = true },
                    new("trainLabels", List, "idx: the labels, a file for each of images.") { Items = Path, NotEmpty = true },
                    new("validation", List, "Data that are measured and not trained on; files as with train.") { Items = Path, NotEmpty = true },
                    new("validationLabels", List, "idx: their labels.") { Items = Path, NotEmpty = true },
                    new("split", Number, "Fraction of the training data that is held out for validation instead, chosen by the seed.") { Minimum = 0, AboveMinimum = true, Maximum = 1, BelowMaximum = true },
                    new("features", List, "tables: columns by name or zero-based index, -1 being the last; default: all that are no labels. A table of images: the column of their names; default: the first.") { Items = ColumnName },
                    new("exclude", List, "tables: columns that are no features, instead of listing those that are.") { Items = ColumnName },
                    new("labels", List, "tables, also of images: one column for classes, one or more for numbers.") { Items = ColumnName, NotEmpty = true },
                    new("categories", List, "tables: columns whose texts are categories, one-hot as features, an index as a label; auto: every column with texts that are no numbers. A label of texts need not be listed for a loss over classes.") { Items = ColumnName },
                    new("header", Flag, "csv: whether the first line has the columns' names.") { Default = "true" },
                    new("delimiter", Text, "csv: what separates columns: a tab, a space or a sign of ASCII, no quote.") { Pattern = "^[\\t !#-/:-@\\[-`{-~]$", Default = "," },
                    new("encoding", Text, "csv and text: encoding of the text, such as utf-8, windows-1252 or shift_jis.") { Default = "utf-8" },
                    new("decimal", Text, "csv: what stands before a number's fraction, a point or a comma.") { Pattern = "^[.,]$", Default = "." },
                    new("thousands", Text, "csv: what stands between groups of three digits.") { Pattern = "^[.,' _\u00A0\u202F]$" },
                    new("missing", Word, "What a missing number is replaced with.") { Words = JobWords.All<MissingPolicy>(), Default = "refuse" },
                    new("missingValues", List, "tables: texts that mean no value, beside an empty field; default: ?, NA, N/A, NaN, nan, null, NULL.") { Items = new("text", Text, "") },
                    new("missingCategory", Word, "tables: own: a missing category is one of its own; zero: it has no flag; default: refused where missing refuses, else zero.") { Words = JobWords.All<MissingCategoryPolicy>() },
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
                    new("image", Map, "images: what a sample is, and what varies of it in training.")
                    {
                        Keys =
                        [
                            new("shape", List, "[channels, height, width] of a sample; 1 channel is grey, 3 are red, green and blue.") { Required = true, Items = new("size", Whole, "") { Minimum = 1, Maximum = 4096 }, NotEmpty = true },
                            new("fit", Word, "How an image of other proportions is brought to the size: stretched, filling it, or inside of it.") { Words = JobWords.All<ImageFit>(), Default = "stretch" },
                            new("crop", Whole, "Images are read so many pixels larger, in both directions; training takes a part of each by chance, measuring the middle.") { Minimum = 0, Maximum = 1024, Default = "0" },
                            new("flip", Flag, "Whether half of the samples are mirrored in training, left to right.") { Default = "false" },
                            new("shift", Whole, "Samples are moved by up to so many pixels in training; what comes in is black.") { Minimum = 0, Maximum = 1024, Default = "0" },
                        ],
                    },
                ],
            },
            new("loss", Word, "What is minimised; model: what a model of one's own says.") { Required = true, Words = JobWords.All<LossKind>() },
            new("lossOptions", Map, "Numbers of the loss.")
            {
                Keys =
                [
                    new("labelSmoothing", Number, "cross-entropy: the part of the target that all classes share; default 0.") { Minimum = 0, Maximum = 1, BelowMaximum = true },
                    new("focal", Number, "cross-entropy and binary-cross-entropy: γ of focal loss, which multiplies a sample's loss by (1 − p)^γ, p being the probability of its class; default 0.") { Minimum = 0, Maximum = LossOptions.LargestFocus },
                    new("posWeight", Number, "binary-cross-entropy: what the loss of the second class counts; default 1.") { Minimum = 0, AboveMinimum = true, Maximum = LossOptions.LargestWeight },
                    new("delta", Number, "huber: errors beyond it count in proportion, smaller ones by their squares; default 1.") { Minimum = 0, AboveMinimum = true, Maximum = LossOptions.LargestWeight },
                ],
            },
            new("metrics", List, "What is measured on the validation data beside the loss.") { Items = new("metric", Word, "") { Words = JobWords.All<MetricKind>() } },
            new("topK", Whole, "The metric top-k: how many classes of a sample may be right; default 5.") { Minimum = 1, Maximum = 1 << 20 },
            new("atPrecision", Number, "The metric recall-at-precision: the precision that must be had; default 0.9.") { Minimum = 0, AboveMinimum = true, Maximum = 1 },
            new("best", Map, "Which evaluated version is kept as the model, and when to stop; default: the last version.")
            {
                Keys =
                [
                    new("metric", Text, "What is measured on the validation data: loss, or one of the job's or the model's metrics that is a number.") { Required = true },
                    new("mode", Word, "What is better; default: min for loss, mae, rmse, mape and perplexity, max for the others; needed for a metric that the model brings.") { Words = JobWords.All<BestMode>() },
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
                    new("groups", List, "Parameters with a rate and a decay of their own, each of the first group that names it.") { Items = ParameterGroup, NotEmpty = true },
                    new("averageDecay", Number, "Keeps a moving average of the parameters: the part of it that stays at each step, such as 0.999.") { Minimum = 0, AboveMinimum = true, Maximum = 1, BelowMaximum = true },
                    new("exported", Word, "averageDecay: which values the model file has; default: average.") { Words = JobWords.All<ExportedKind>() },
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
                    new("finalFraction", Number, "cosine, cosine-restarts and one-cycle: fraction of the peak at the end.") { Minimum = 0, Maximum = 1, Default = "0" },
                    new("cycleSteps", Whole, "cosine-restarts: steps of the first fall, after which the rate is at its peak again.") { Minimum = 1, Maximum = long.MaxValue / 2 },
                    new("cycleFactor", Whole, "cosine-restarts: how many times as long each fall is as the one before; default 1.") { Minimum = 1, Maximum = 100 },
                    new("riseFraction", Number, "one-cycle: fraction of the steps in which the rate rises; default 0.3.") { Minimum = 0, AboveMinimum = true, Maximum = 1, BelowMaximum = true },
                    new("startFraction", Number, "one-cycle: fraction of the peak at the beginning; default 0.04.") { Minimum = 0, AboveMinimum = true, Maximum = 1 },
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
