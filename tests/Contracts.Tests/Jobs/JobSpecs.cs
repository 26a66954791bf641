using CsCheck;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

/// <summary>Jobs that a job file may describe, generated.</summary>
internal static class JobSpecs
{
    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.OneOf("x", "64", "true", "null", "~", "Null", "1e5", "a b", " a", "a ", "a: b", "- a", "#a", "[a]", "{a}", "'", "\"", "&a", "*a", "!a", "%", "@", "`", "a\nb", "é", "日本", "😀", "\t", "?", "|", ">", "a,b", "0x10", ".5", "---", "..."),
        Gen.Char[' ', '~'].Array[1, 12].Select(chars => new string(chars)));

    private static readonly Gen<string> Path = Gen.Select(Gen.Char["abc 0-_.'#:é"].Array[1, 10], Gen.Bool, (chars, up) => System.IO.Path.GetFullPath((up ? "../" : "") + new string(chars), JobText.Folder));

    // Of every size, and never a multiple of a power of ten only.
    private static readonly Gen<double> Positive = Gen.Select(Gen.Double[0.1, 1], Gen.Int[-12, 0], (mantissa, exponent) => mantissa * Math.Pow(10, exponent));
    private static readonly Gen<double> Fraction = Gen.OneOf(Gen.Double[0, 0.999], Positive.Where(p => p < 1), Gen.Const(0.0));

    private static readonly Gen<LayerSpec> Layer = LayerOf(2);

    /// <summary>As they are kept: in ordinal order, or null.</summary>
    private static readonly Gen<IReadOnlyDictionary<string, string>?> Options = Gen.Select(Gen.Char["abzXY.-_09"].Array[1, 4].Select(name => new string(name)), Text).Array[0, 3].Select(options =>
        options.Length == 0 ? null : (IReadOnlyDictionary<string, string>?)new SortedDictionary<string, string>(options.GroupBy(option => option.Item1).ToDictionary(group => group.Key, group => group.First().Item2), StringComparer.Ordinal));

    private static readonly Gen<ModelSpec> Own = Gen.Select(Options, Gen.Bool, Path.Null(), Options, Gen.Bool, (options, measures, weights, names, strict) => new ModelSpec
    {
        Name = "my-net",
        Options = options,
        Metrics = measures ? ["top-3", "map_50"] : [],
        Weights = weights,
        WeightNames = weights is null ? null : names,
        Strict = weights is null || strict,
    });

    private static readonly Gen<ModelSpec> Scripted = Gen.Select(Path, Path.Null(), Gen.Bool, (file, weights, strict) => new ModelSpec
    {
        Torchscript = file,
        Weights = weights,
        Strict = weights is null || strict,
    });

    private static readonly Gen<DataSpec> Source = Gen.Select(Options, Path.Array[0, 2], Gen.Double[0.001, 0.999].Null(), (options, files, split) => new DataSpec
    {
        Format = DataFormat.Source,
        Source = "my-source",
        Options = options,
        Train = files.FirstOrDefault() ?? "",
        TrainMore = Distinct(files[Math.Min(1, files.Length)..], files.FirstOrDefault() ?? ""),
        Split = split,
    });

    private static readonly Gen<ModelSpec> Layered = Gen.Select(Gen.Int[0, 5], Gen.Int[1, 1 << 24].Array[0, 3], Gen.Int[1, 99].Array[1, 3].Null(), Layer.Array[1, 6], Gen.Select(Gen.Int[1, 1024].Null(), Gen.Int[1, 1 << 20].Null(), Gen.Int[1, 1024].Null()), Fraction.Null(), (which, hidden, input, layers, sizes, dropout) => new ModelSpec
    {
        Preset = which switch { 0 => "mlp", 1 => "cnn", 3 => "resnet", 4 => "transformer", 5 => "tabular", _ => null },
        Hidden = which is 0 or 5 ? hidden : [],
        Depth = which is 3 or 4 ? sizes.Item1 : null,
        Width = which is 3 or 4 ? sizes.Item2 : null,
        Heads = which == 4 ? sizes.Item3 : null,
        Dropout = which is 4 or 5 ? dropout : null,
        Input = input,
        Layers = which == 2 ? layers : [],
    });

    private static readonly Gen<DataSpec> Tables =
        from format in Gen.Int[0, 4].Select(i => i switch { 0 => DataFormat.JsonLines, 1 => DataFormat.Parquet, _ => DataFormat.Csv })
        from paths in Gen.Select(Path, Path)
        from split in Gen.Double[0.001, 0.999]
        from which in Gen.Int[0, 2]
        from columns in Gen.Select(Text.Array[0, 3], Text.Array[1, 3], Text.Array[0, 2])
        from header in Gen.Bool
        from delimiter in Gen.Char[",;\t| :#~"]
        from encoding in Gen.Int[0, 2].Select(i => new[] { "utf-8", "windows-1252", "shift_jis" }[i])
        from more in Gen.Select(Path.Array[0, 2], Path.Array[0, 2])
        from excluded in Gen.Select(Gen.Bool, Text.Array[0, 2])
        from marks in Gen.Int[0, 3].Select(i => new (char Decimal, char? Thousands)[] { ('.', null), (',', '.'), (',', '\u00A0'), ('.', '\'') }[i])
        from missingValues in Text.Array[0, 3].Null()
        from missingCategory in Gen.Nullable(Gen.Enum<MissingCategoryPolicy>(), 0.4)
        from unknown in Gen.Enum<UnknownPolicy>()
        from missing in Gen.Enum<MissingPolicy>()
        from normalize in Gen.Enum<NormalizationKind>()
        select new DataSpec
        {
            Format = format,
            Train = paths.Item1,
            TrainMore = Distinct(more.Item1, paths.Item1),
            Validation = which == 1 ? paths.Item2 : null,
            ValidationMore = which == 1 ? Distinct(more.Item2, paths.Item2) : [],
            Split = which == 2 ? split : null,
            Features = excluded.Item1 ? [] : columns.Item1,
            Exclude = excluded.Item1 ? excluded.Item2 : [],
            Labels = columns.Item2,
            Categories = columns.Item3,
            Header = format != DataFormat.Csv || header,
            Delimiter = format == DataFormat.Csv ? delimiter : ',',
            Encoding = format == DataFormat.Csv ? encoding : "utf-8",
            Decimal = format == DataFormat.Csv ? marks.Decimal : '.',
            Thousands = format == DataFormat.Csv ? marks.Thousands : null,
            Missing = missing,
            MissingValues = missingValues,
            MissingCategory = missingCategory,
            Unknown = unknown,
            Normalize = normalize,
        };

    private static readonly Gen<DataSpec> Idx = Gen.Select(Path.Array[4, 4], Gen.Bool, Gen.Enum<NormalizationKind>(), Gen.Bool, (paths, validated, normalize, several) => new DataSpec
    {
        Format = DataFormat.Idx,
        Train = paths[0],
        TrainMore = several ? Distinct([paths[2]], paths[0]) : [],
        TrainLabels = paths[1],
        TrainLabelsMore = several && paths[0] != paths[2] ? [paths[1] + "2"] : [],
        Validation = validated ? paths[2] : null,
        ValidationLabels = validated ? paths[3] : null,
        Normalize = normalize,
    });

    private static readonly Gen<DataSpec> Images = Gen.Select(Path, Gen.Int[1, 4096].Array[2, 2], Gen.Bool, Gen.Enum<ImageFit>(), Gen.Select(Gen.Int[0, 1024], Gen.Bool, Gen.Int[0, 1024]), Text.Array[0, 2], (path, size, grey, fit, varied, labels) => new DataSpec
    {
        Format = DataFormat.Images,
        Train = path,
        Labels = labels,
        Image = new ImageSpec { Shape = [grey ? 1 : 3, .. size], Fit = fit, Crop = varied.Item1, Flip = varied.Item2, Shift = varied.Item3 },
    });

    private static readonly Gen<DataSpec> Texts =
        from paths in Path.Array[4, 4]
        from which in Gen.Int[0, 2]
        from split in Gen.Double[0.001, 0.999]
        from sizes in Gen.Select(Gen.Int[1, 1 << 16], Gen.Int[1, 1 << 16].Null())
        from tokenizer in Gen.Enum<TokenizerKind>()
        from unknown in Gen.Enum<UnknownPolicy>()
        select new DataSpec
        {
            Format = DataFormat.Text,
            Train = paths[0],
            Validation = which == 1 ? paths[1] : null,
            Split = which == 2 ? split : null,
            Unknown = unknown,
            Text = new TextSpec
            {
                Length = sizes.Item1,
                Stride = which == 2 && sizes.Item2 < sizes.Item1 ? null : sizes.Item2,
                Tokenizer = tokenizer,
                Vocabulary = tokenizer == TokenizerKind.Characters ? null : paths[2],
                Merges = tokenizer == TokenizerKind.Bpe ? paths[3] : null,
            },
        };

    private static readonly Gen<OptimizerSpec> Optimizer =
        from kind in Gen.Enum<OptimizerKind>()
        from rate in Positive
        from momentum in Fraction
        from nesterov in Gen.Bool
        from decay in Fraction
        from betas in Gen.Select(Fraction, Fraction)
        from epsilon in Positive
        from clip in Positive.Null()
        from groups in Gen.Select(Text.Array[1, 2], Fraction.Null(), Fraction.Null(), (names, rate, own) => new ParameterGroup { Names = names, Rate = rate, WeightDecay = own }).Array[1, 2].Null()
        from average in Gen.Select(Fraction.Where(f => f > 0).Null(), Gen.Bool, (decay, isLast) => (decay, decay is not null && isLast ? ExportedKind.Last : (ExportedKind?)null))
        let isAdam = kind is OptimizerKind.Adam or OptimizerKind.AdamW
        let plain = new OptimizerSpec()
        select new OptimizerSpec
        {
            Kind = kind,
            LearningRate = rate,
            Momentum = kind == OptimizerKind.Sgd ? momentum : 0,
            Nesterov = kind == OptimizerKind.Sgd && momentum > 0 && nesterov,
            WeightDecay = decay,
            Beta1 = isAdam ? betas.Item1 : plain.Beta1,
            Beta2 = isAdam ? betas.Item2 : plain.Beta2,
            Epsilon = kind == OptimizerKind.Sgd ? plain.Epsilon : epsilon,
            ClipNorm = clip,
            Groups = groups,
            AverageDecay = average.Item1,
            Exported = average.Item2,
        };

    private static readonly Gen<ScheduleSpec> Schedule = Gen.Select(Gen.Enum<ScheduleKind>(), Gen.Long[0, 1L << 40], Gen.Long[1, 1L << 40], Positive, Fraction, Gen.Select(Gen.Int[1, 100].Null(), Fraction.Where(f => f > 0).Null()), (kind, warmup, size, gamma, final, more) => new ScheduleSpec
    {
        Kind = kind,
        WarmupSteps = kind == ScheduleKind.OneCycle ? 0 : warmup,
        StepSize = kind == ScheduleKind.Step ? size : 0,
        Gamma = kind == ScheduleKind.Step ? gamma : new ScheduleSpec().Gamma,
        FinalFraction = kind is ScheduleKind.Cosine or ScheduleKind.CosineRestarts or ScheduleKind.OneCycle ? final : 0,
        CycleSteps = kind == ScheduleKind.CosineRestarts ? size : null,
        CycleFactor = kind == ScheduleKind.CosineRestarts ? more.Item1 : null,
        RiseFraction = kind == ScheduleKind.OneCycle ? more.Item2 : null,
        StartFraction = kind == ScheduleKind.OneCycle ? more.Item2 : null,
    });

    public static readonly Gen<JobSpec> Any =
        from name in Gen.Select(Gen.Char["abz09"], Gen.Char["abz09-"].Array[0, 39], (first, rest) => first + new string(rest))
        from model in Gen.OneOf(Layered, Own, Scripted)
        from data in Gen.OneOf(Tables, Idx, Source, Texts, Images)
        from kind in Gen.Enum<LossKind>()
        let loss = kind == LossKind.Model && model.Name is null ? LossKind.Mse : kind
        from labels in Gen.Enum<NormalizationKind>()
        from metrics in Gen.Shuffle(Enum.GetValues<MetricKind>(), 0, 4)
        from weights in Gen.Select(Gen.Int[0, 2], Gen.Dictionary(Text, Positive)[1, 3], (which, byClass) => which == 0 ? null : new ClassWeights(which == 1 ? null : byClass))
        from options in Gen.Select(Fraction.Where(f => f > 0).Null(), Positive.Null(), Positive.Null(), Positive.Null())
        from topK in Gen.Int[1, 1 << 20].Null()
        from precision in Gen.Double[0.001, 1].Null()
        from best in Gen.Select(Gen.Bool, Gen.Enum<BestMode>(), Gen.Int[1, 100].Null(), Positive, Gen.Bool, (isThere, mode, patience, delta, hasDelta) => !isThere ? null : new BestSpec { Metric = "", Mode = mode, Patience = patience, MinDelta = patience is not null && hasDelta ? delta : 0 })
        let measured = metrics.Where(m => m != MetricKind.Confusion).Select(JobWords.Of).Concat(model.Metrics).Append(BestSpec.Loss).First()
        from optimizer in Optimizer
        from schedule in Schedule
        from length in Gen.Select(Gen.Bool, Gen.Int[1, 1_000_000], Gen.Long[1, 1_000_000_000_000])
        from batch in Gen.Select(Gen.Int[1, 1 << 24], Gen.Int[1, 65_536])
        from seed in Gen.ULong
        from formats in Gen.Select(Gen.OneOf(16, 32), Gen.Enum<PullFormat>())
        from workers in Gen.Select(Gen.Int[1, 10_000], Gen.Int[1, 10_000])
        from shards in Gen.Int[1, 256]
        from checkpoint in Gen.Select(Gen.Long[0, 1L << 50], Gen.Int[1, 10_000])
        from threads in Gen.Int[1, 1024]
        select new JobSpec
        {
            Name = name,
            Model = model,
            Data = data with { NormalizeLabels = loss is LossKind.Mse or LossKind.Mae && data.Format is not (DataFormat.Source or DataFormat.Text) ? labels : NormalizationKind.None },
            Loss = loss,
            LossOptions = OptionsOf(loss, options.Item1, options.Item2, options.Item3, options.Item4),
            Metrics = metrics,
            TopK = metrics.Contains(MetricKind.TopK) ? topK : null,
            AtPrecision = metrics.Contains(MetricKind.RecallAtPrecision) ? precision : null,
            Best = best is null || optimizer.ExportsAverage || (data.Split is null && data.Validation is null) ? null : best with { Metric = measured },
            ClassWeights = loss is LossKind.Mse or LossKind.Mae or LossKind.Huber or LossKind.Model || (weights is { ByClass: null } && data.Source is not null) ? null : weights,
            Optimizer = optimizer,
            Schedule = schedule,
            Epochs = length.Item1 ? length.Item2 : null,
            Steps = length.Item1 ? null : length.Item3,
            GlobalBatch = batch.Item1,
            Slots = Math.Min(batch.Item1, batch.Item2),
            Seed = seed,
            Contribution = formats.Item1,
            Pull = formats.Item2,
            Workers = new WorkersSpec { Min = Math.Min(workers.Item1, workers.Item2), Max = Math.Max(workers.Item1, workers.Item2) },
            Shards = shards,
            Checkpoint = new CheckpointSpec { Every = checkpoint.Item1, Keep = checkpoint.Item2 },
            ThreadsPerWorker = threads,
        };

    /// <summary>As they are kept: null where all have their defaults.</summary>
    private static LossOptions? OptionsOf(LossKind loss, double? smoothing, double? focal, double? weight, double? delta)
    {
        var options = new LossOptions
        {
            LabelSmoothing = loss == LossKind.CrossEntropy ? smoothing : null,
            Focal = loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy ? focal : null,
            PosWeight = loss == LossKind.BinaryCrossEntropy && weight != 1 ? weight : null,
            Delta = loss == LossKind.Huber && delta != 1 ? delta : null,
        };
        return options == new LossOptions() ? null : options;
    }

    /// <param name="depth">Of layers within layers.</param>
    private static Gen<LayerSpec> LayerOf(int depth) =>
        from kind in Gen.Enum<LayerKind>().Where(kind => depth > 0 || kind is not (LayerKind.Residual or LayerKind.Parallel))
        from size in Gen.Int[1, 1 << 24]
        from window in Gen.Select(Gen.Int[1, 1024].Null(), Gen.Int[1, 1024].Null(), Gen.Int[0, 1024].Null(), Gen.Int[1, 1024].Null(), Gen.Int[1, 1024])
        from numbers in Gen.Select(Fraction.Null(), Positive.Null(), Positive.Null())
        from flags in Gen.Bool.Null().Array[6]
        from has in Gen.Bool.Array[5]
        from layers in depth > 0 ? LayerOf(depth - 1).Array[1, 2].Array[1, 3] : Gen.Const(Array.Empty<LayerSpec[]>())
        let isWindow = kind is LayerKind.Conv2d or LayerKind.Conv1d or LayerKind.MaxPool2d or LayerKind.AvgPool2d
        let isRecurrent = kind is LayerKind.Lstm or LayerKind.Gru
        let isEncoder = kind == LayerKind.TransformerEncoder
        let isAttention = isEncoder || kind == LayerKind.MultiHeadAttention
        let mustOut = isRecurrent || kind == LayerKind.Embedding
        let mayOut = kind is LayerKind.Linear or LayerKind.Conv2d or LayerKind.Conv1d or LayerKind.CategoryEmbedding
        let isNorm = kind is LayerKind.BatchNorm or LayerKind.BatchNorm1d or LayerKind.LayerNorm or LayerKind.GroupNorm
        select new LayerSpec
        {
            Kind = kind,
            Out = mustOut || (mayOut && has[0]) ? size : null,
            Kernel = isWindow ? window.Item1 : null,
            Stride = isWindow ? window.Item2 : null,
            Padding = isWindow ? window.Item3 : null,
            P = kind == LayerKind.Dropout || isAttention || isRecurrent ? numbers.Item1 : null,
            Epsilon = isNorm || isEncoder ? numbers.Item2 : null,
            Momentum = kind is LayerKind.BatchNorm or LayerKind.BatchNorm1d ? numbers.Item3 : null,
            Bias = kind is LayerKind.Linear or LayerKind.Conv2d or LayerKind.Conv1d or LayerKind.MultiHeadAttention || isRecurrent ? flags[0] : null,
            Size = kind == LayerKind.Embedding && has[1] ? size : null,
            Heads = isAttention ? window.Item5 : null,
            Causal = isAttention ? flags[1] : null,
            Depth = isEncoder || isRecurrent ? window.Item4 : null,
            Hidden = isEncoder && has[2] ? size : null,
            Activation = isEncoder && has[3] ? ActivationKind.Relu : null,
            NormFirst = isEncoder ? flags[2] : null,
            Bidirectional = isRecurrent ? flags[3] : null,
            Last = isRecurrent ? flags[4] : null,
            Groups = kind == LayerKind.GroupNorm ? size : null,
            Fixed = kind == LayerKind.PositionalEncoding ? flags[5] : null,
            Layers = kind == LayerKind.Residual ? layers[0] : null,
            Shortcut = kind == LayerKind.Residual && layers.Length > 1 ? layers[1] : null,
            Branches = kind == LayerKind.Parallel ? layers : null,
            Join = kind == LayerKind.Parallel && has[4] ? JoinKind.Add : null,
        };

    private static string[] Distinct(string[] more, string first) => [.. more.Distinct(StringComparer.Ordinal).Where(path => path != first)];

    private static Gen<T?> Null<T>(this Gen<T> values) where T : struct => Gen.Nullable(values, 0.4);

    private static Gen<string?> Null(this Gen<string> values) => Gen.Bool.SelectMany(isNull => isNull ? Gen.Const<string?>((string?)null) : values.Select(v => (string?)v));

    private static Gen<T[]?> Null<T>(this Gen<T[]> values) => Gen.Bool.SelectMany(isNull => isNull ? Gen.Const<T[]?>((T[]?)null) : values.Select(v => (T[]?)v));
}
