using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Jobs;

/// <summary>Makes a job of checked values, and checks what concerns more than one of them.</summary>
internal sealed class JobBuilder(List<InputError> errors, string directory)
{
    private readonly JobPaths files = new(errors, directory);

    /// <param name="values">Of <see cref="JobKeys.Job"/>.</param>
    /// <returns>A job that is whole only where there were no errors.</returns>
    public JobSpec Build(JobValues values)
    {
        var defaults = new { Workers = new WorkersSpec(), Checkpoint = new CheckpointSpec() };
        JobValues workers = values.Map("workers"), checkpoint = values.Map("checkpoint");
        var job = new JobSpec
        {
            Name = values.Text("name") ?? "",
            Model = Model(values.Map("model")),
            Data = Data(values.Map("data")),
            Loss = values.Word<LossKind>("loss") ?? LossKind.Mse,
            LossOptions = LossOptions(values.Map("lossOptions")),
            Metrics = [.. values.List<string>("metrics").Select(JobWords.Parse<MetricKind>)],
            TopK = values.Int("topK"),
            AtPrecision = values.Number("atPrecision"),
            ClassWeights = values.Weights("classWeights"),
            Best = values.Given.Contains("best") ? Best(values.Map("best")) : null,
            Optimizer = Optimizer(values.Map("optimizer")),
            Schedule = Schedule(values.Map("schedule")),
            Epochs = values.Int("epochs"),
            Steps = (long?)values.Whole("steps"),
            GlobalBatch = values.Int("globalBatch") ?? 64,
            Slots = values.Int("slots") ?? 8,
            Seed = (ulong)(values.Whole("seed") ?? 0),
            Contribution = values.Int("contribution") ?? 32,
            Pull = values.Word<PullFormat>("pull") ?? PullFormat.Float32,
            Workers = new WorkersSpec { Min = workers.Int("min") ?? defaults.Workers.Min, Max = workers.Int("max") ?? Math.Max(defaults.Workers.Max, workers.Int("min") ?? 0) },
            Shards = values.Int("shards") ?? 1,
            Checkpoint = new CheckpointSpec { Every = (long)(checkpoint.Whole("every") ?? defaults.Checkpoint.Every), Keep = checkpoint.Int("keep") ?? defaults.Checkpoint.Keep },
            ThreadsPerWorker = values.Int("threadsPerWorker") ?? 1,
        };
        CheckTogether(job, values);
        return job;
    }

    private ModelSpec Model(JobValues values)
    {
        string[] kinds = [.. new[] { "preset", "layers", "name", "torchscript" }.Where(values.Given.Contains)];
        if (values.IsMap && kinds.Length != 1)
        {
            Report(values, kinds.FirstOrDefault() ?? "preset", kinds.Length > 1 ? $"The model has both a {string.Join(" and ", kinds)}." : "The model has neither a preset nor layers nor a name nor a TorchScript file.", "Give one of them.");
        }

        foreach ((string key, string of) in new[] { ("options", "name"), ("metrics", "name"), ("weightNames", "weights"), ("strict", "weights") }.Where(pair => values.Given.Contains(pair.Item1) && !values.Given.Contains(pair.Item2)))
        {
            Report(values, key, $"'{key}' belongs to '{of}', which the model does not have.", $"Remove it, or give '{of}'.");
        }

        bool isOwn = values.Given.Contains("name"), isScript = values.Given.Contains("torchscript");
        foreach (string key in PresetForms.AllKeys.Append("input").Where(key => (isOwn || isScript) && values.Given.Contains(key)))
        {
            Report(values, key, $"'{key}' does not go with a model of one's own.", isOwn ? "Remove it, or give it among the 'options'." : "Remove it: the TorchScript file says what the model is.");
        }

        string[] foreign = values.IsKnown("preset") && !isOwn && !isScript ? [.. PresetForms.AllKeys.Except(PresetForms.Keys.GetValueOrDefault(values.Text("preset") ?? "") ?? [])] : [];
        foreach (string key in foreign.Where(values.Given.Contains))
        {
            string[] presets = [.. PresetForms.With(key)];
            Report(values, key, $"'{key}' belongs to the preset{(presets.Length > 1 ? "s" : "")} {string.Join(" and ", presets)}.", $"Remove it, or set preset: {presets[0]}.");
        }

        foreach (string key in (string[])["weights", "torchscript"])
        {
            if (values.Text(key) is { } file && StoreAddress.IsUrl(file))
            {
                Report(values, key, $"'{file}' is no path: '{key}' is read from a file.", "Copy it, and name the copy.");
            }
        }

        return new ModelSpec
        {
            Preset = values.Text("preset"),
            Hidden = Sizes(values, "hidden"),
            Depth = values.Int("depth"),
            Width = values.Int("width"),
            Heads = values.Int("heads"),
            Dropout = values.Number("dropout"),
            Input = values.Given.Contains("input") ? Sizes(values, "input") : null,
            Layers = Layers(values, "layers") ?? [],
            Name = values.Text("name"),
            Torchscript = files.Full(values, "torchscript"),
            Options = values.Options("options"),
            Metrics = values.List<string>("metrics"),
            Weights = files.Full(values, "weights"),
            WeightNames = values.Options("weightNames"),
            Strict = values.Flag("strict") ?? true,
        };
    }

    private static LayerSpec Layer(JobValues values) => new()
    {
        Kind = values.Word<LayerKind>("kind") ?? LayerKind.Linear,
        Line = values.Line,
        Out = values.Int("out"),
        Kernel = values.Int("kernel"),
        Stride = values.Int("stride"),
        Padding = values.Int("padding"),
        P = values.Number("p"),
        Epsilon = values.Number("epsilon"),
        Momentum = values.Number("momentum"),
        Bias = values.Flag("bias"),
        Size = values.Int("size"),
        Heads = values.Int("heads"),
        Causal = values.Flag("causal"),
        Depth = values.Int("depth"),
        Hidden = values.Int("hidden"),
        Activation = values.Word<ActivationKind>("activation"),
        NormFirst = values.Flag("normFirst"),
        Bidirectional = values.Flag("bidirectional"),
        Last = values.Flag("last"),
        Groups = values.Int("groups"),
        Fixed = values.Flag("fixed"),
        Layers = Layers(values, "layers"),
        Shortcut = Layers(values, "shortcut"),
        Branches = values.Given.Contains("branches") ? [.. values.List<object?[]>("branches").Select(branch => branch.OfType<JobValues>().Select(Layer).ToArray())] : null,
        Join = values.Word<JoinKind>("join"),
    };

    private static LayerSpec[]? Layers(JobValues values, string key) => values.Given.Contains(key) ? [.. values.List<JobValues>(key).Select(Layer)] : null;

    private DataSpec Data(JobValues values)
    {
        bool folders = values.Word<DataFormat>("format") == DataFormat.Images;
        string[] train = files.Of(values, "train", folders), validation = files.Of(values, "validation", folders), labels = files.Of(values, "trainLabels"), held = files.Of(values, "validationLabels");
        var data = new DataSpec
        {
            Format = values.Given.Contains("source") ? DataFormat.Source : values.Word<DataFormat>("format") ?? DataFormat.Csv,
            Source = values.Text("source"),
            Options = values.Options("options"),
            Train = train.FirstOrDefault() ?? "",
            TrainMore = train[Math.Min(1, train.Length)..],
            TrainLabels = labels.FirstOrDefault(),
            TrainLabelsMore = labels[Math.Min(1, labels.Length)..],
            Validation = validation.FirstOrDefault(),
            ValidationMore = validation[Math.Min(1, validation.Length)..],
            ValidationLabels = held.FirstOrDefault(),
            ValidationLabelsMore = held[Math.Min(1, held.Length)..],
            Split = values.Number("split"),
            Features = values.List<string>("features"),
            Exclude = values.List<string>("exclude"),
            Labels = values.List<string>("labels"),
            Categories = values.List<string>("categories"),
            Header = values.Flag("header") ?? true,
            Delimiter = values.Text("delimiter") is { Length: 1 } text ? text[0] : ',',
            Encoding = values.Text("encoding") ?? TextEncodings.Usual,
            Decimal = values.Text("decimal") is { Length: 1 } mark ? mark[0] : '.',
            Thousands = values.Text("thousands") is { Length: 1 } group ? group[0] : null,
            Missing = values.Word<MissingPolicy>("missing") ?? MissingPolicy.Refuse,
            MissingValues = values.Given.Contains("missingValues") ? values.List<string>("missingValues") : null,
            MissingCategory = values.Word<MissingCategoryPolicy>("missingCategory"),
            Unknown = values.Word<UnknownPolicy>("unknown") ?? UnknownPolicy.Refuse,
            Normalize = values.Word<NormalizationKind>("normalize") ?? NormalizationKind.None,
            NormalizeLabels = values.Word<NormalizationKind>("normalizeLabels") ?? NormalizationKind.None,
            Text = values.Given.Contains("text") ? Text(values.Map("text")) : null,
            Image = values.Given.Contains("image") ? Image(values.Map("image")) : null,
        };
        CheckKind(data, values);
        if (data.Thousands == data.Decimal)
        {
            Report(values, "thousands", $"'{data.Decimal}' cannot stand before a fraction and between groups of digits.", "Give 'decimal' and 'thousands' different characters.");
        }

        if (data.Features.Count > 0 && data.Exclude.Count > 0)
        {
            Report(values, "exclude", "The data have both 'features' and 'exclude'.", "Keep one of the two: 'exclude' is for all columns but some.");
        }

        if (data.Split is not null && data.Validation is not null)
        {
            Report(values, "split", "The data have both 'validation' and 'split'.", "Keep one of the two.");
        }

        if (TextEncodings.Find(data.Encoding) is null)
        {
            Report(values, "encoding", $"There is no encoding '{data.Encoding}'.", $"Give one such as {TextEncodings.Examples}.");
        }

        return data;
    }

    /// <summary>What goes with the format, or with a source of one's own.</summary>
    private void CheckKind(DataSpec data, JobValues values)
    {
        string[] ofAll = ["source", "options", "format", "train", "validation", "split"];
        string[] foreign = [.. values.Given.Where(key => !ofAll.Contains(key) && !JobKeys.OfFormat[data.Format].Contains(key))];
        if (data.Format == DataFormat.Source)
        {
            foreach (string key in foreign.Concat(values.Given.Where(key => key == "format")))
            {
                Report(values, key, $"'{key}' does not go with a source of one's own, which prepares its data itself.", "Remove it, or give it among the 'options'.");
            }

            return;
        }

        if (values.IsMap && !values.Given.Contains("format"))
        {
            Report(values, "format", "'format' is missing in 'data'.", $"Give one of {string.Join(", ", JobKeys.OfFormat.Keys.Where(format => format != DataFormat.Source).Select(JobWords.Of))}, or a data source of your own in 'source'.");
        }

        if (values.IsMap && !values.Given.Contains("train"))
        {
            JobKey train = JobKeys.Job.Keys.First(key => key.Name == "data").Keys.First(key => key.Name == "train");
            Report(values, "train", "'train' is missing in 'data'.", $"Give {train.Expected}: {train.Meaning}");
        }

        if (values.Given.Contains("options"))
        {
            Report(values, "options", $"'options' belongs to 'source', which the data do not have.", "Remove it, or give 'source'.");
        }

        foreach (string key in foreign.Where(_ => values.Word<DataFormat>("format") is not null))
        {
            Report(values, key, $"'{key}' does not go with the format {JobWords.Of(data.Format)}.", "Remove it.");
        }

        if (values.Word<DataFormat>("format") is DataFormat.Csv or DataFormat.JsonLines or DataFormat.Parquet && !values.Given.Contains("labels"))
        {
            Report(values, "format", "'labels' is missing in 'data'.", "Name the column or columns that are predicted.");
        }

        if (values.Word<DataFormat>("format") is DataFormat.Text)
        {
            CheckText(data, values);
        }

        if (values.Word<DataFormat>("format") is DataFormat.Images && data.Image is null)
        {
            Report(values, "format", "'image' is missing in 'data'.", "Give a map with the 'shape' of a sample, such as [3, 32, 32].");
        }

        if (data.Format == DataFormat.Idx && !values.Given.Contains("trainLabels"))
        {
            Report(values, "format", "'trainLabels' is missing in 'data'.", "Give the idx file of the labels.");
        }

        if (data.Format == DataFormat.Idx && values.Given.Contains("validation") != values.Given.Contains("validationLabels"))
        {
            Report(values, "validation", "'validation' and 'validationLabels' go together.", "Give both or none.");
        }

        foreach ((string images, string labels, int count, int labelled) in new[] { ("train", "trainLabels", data.TrainMore.Count, data.TrainLabelsMore.Count), ("validation", "validationLabels", data.ValidationMore.Count, data.ValidationLabelsMore.Count) })
        {
            if (data.Format == DataFormat.Idx && values.Given.Contains(images) && values.Given.Contains(labels) && count != labelled)
            {
                Report(values, labels, $"'{images}' names {Amount.Of(count + 1, "file")} of images, and '{labels}' {labelled + 1} of labels.", "Name one for each, in the same order.");
            }
        }
    }

    /// <returns>Null where all have their defaults.</returns>
    private static LossOptions? LossOptions(JobValues values)
    {
        static double? Other(double? value, double standard) => value == standard ? null : value;
        var options = new LossOptions
        {
            LabelSmoothing = Other(values.Number("labelSmoothing"), 0),
            Focal = Other(values.Number("focal"), 0),
            PosWeight = Other(values.Number("posWeight"), 1),
            Delta = Other(values.Number("delta"), 1),
        };
        return options == new LossOptions() ? null : options;
    }

    private TextSpec Text(JobValues values) => new()
    {
        Length = values.Int("length") ?? 1,
        Stride = values.Int("stride"),
        Tokenizer = values.Word<TokenizerKind>("tokenizer") ?? TokenizerKind.Characters,
        Vocabulary = files.Full(values, "vocabulary"),
        Merges = files.Full(values, "merges"),
    };

    private ImageSpec Image(JobValues values)
    {
        List<int> shape = Sizes(values, "shape");
        if (shape is not [1 or 3, _, _] && values.Given.Contains("shape") && values.IsKnown("shape"))
        {
            Report(values, "shape", $"An image's 'shape' is [{string.Join(", ", shape)}].", "Give [channels, height, width], with 1 channel for grey and 3 for colours.");
        }

        return new ImageSpec
        {
            Shape = shape,
            Fit = values.Word<ImageFit>("fit") ?? ImageFit.Stretch,
            Crop = values.Int("crop") ?? 0,
            Flip = values.Flag("flip") ?? false,
            Shift = values.Int("shift") ?? 0,
        };
    }

    private void CheckText(DataSpec data, JobValues values)
    {
        if (data.Text is not { } text)
        {
            Report(values, "format", "'text' is missing in 'data'.", "Give a map with the 'length' of a sample in tokens.");
            return;
        }

        JobValues of = values.Map("text");
        if (!of.IsKnown("tokenizer"))
        {
            return;
        }

        string tokenizer = JobWords.Of(text.Tokenizer);
        if ((text.Tokenizer == TokenizerKind.Characters) == of.Given.Contains("vocabulary"))
        {
            Report(of, "vocabulary", text.Tokenizer == TokenizerKind.Characters ? "The tokenizer 'characters' takes no 'vocabulary': the training text says which there are." : $"The tokenizer '{tokenizer}' has no 'vocabulary'.", text.Tokenizer == TokenizerKind.Characters ? "Remove it, or name the 'tokenizer' that it belongs to." : "Name the tokenizer's file.");
        }

        if ((text.Tokenizer == TokenizerKind.Bpe) != of.Given.Contains("merges"))
        {
            Report(of, "merges", text.Tokenizer == TokenizerKind.Bpe ? "The tokenizer 'bpe' has no 'merges'." : $"The tokenizer '{tokenizer}' takes no 'merges'.", text.Tokenizer == TokenizerKind.Bpe ? "Name its file merges.txt." : "Remove it.");
        }

        if (text.Stride < text.Length && data.Split is not null && of.IsKnown("stride") && of.IsKnown("length"))
        {
            Report(values, "split", $"Samples of {text.Length} tokens that begin every {text.Stride} overlap: what is held out would be trained on.", "Remove 'stride', or name other files in 'validation' in place of 'split'.");
        }
    }

    private static BestSpec? Best(JobValues values) => values.Text("metric") is not { } metric ? null : new BestSpec
    {
        Metric = metric,
        Mode = values.Word<BestMode>("mode") ?? BestSpec.UsualMode(metric),
        Patience = values.Int("patience"),
        MinDelta = values.Number("minDelta") ?? 0,
    };

    private OptimizerSpec Optimizer(JobValues values)
    {
        var defaults = new OptimizerSpec();
        var optimizer = new OptimizerSpec
        {
            Kind = values.Word<OptimizerKind>("kind") ?? defaults.Kind,
            LearningRate = values.Number("learningRate") ?? defaults.LearningRate,
            Momentum = values.Number("momentum") ?? 0,
            Nesterov = values.Flag("nesterov") ?? false,
            WeightDecay = values.Number("weightDecay") ?? 0,
            Beta1 = values.Number("beta1") ?? defaults.Beta1,
            Beta2 = values.Number("beta2") ?? defaults.Beta2,
            Epsilon = values.Number("epsilon") ?? defaults.Epsilon,
            ClipNorm = values.Number("clipNorm"),
            Groups = values.Given.Contains("groups") ? [.. values.List<JobValues>("groups").Select(group => new ParameterGroup { Names = group.List<string>("names"), Rate = group.Number("rate") is { } rate and not 1 ? rate : null, WeightDecay = group.Number("weightDecay") })] : null,
            AverageDecay = values.Number("averageDecay"),
            Exported = values.Word<ExportedKind>("exported"),
        };
        if (values.Given.Contains("exported") && !values.Given.Contains("averageDecay"))
        {
            Report(values, "exported", "'exported' belongs to 'averageDecay', which the optimizer does not have.", "Remove it, or give 'averageDecay'.");
        }

        string[] foreign = optimizer.Kind switch
        {
            OptimizerKind.Sgd => ["beta1", "beta2", "epsilon"],
            OptimizerKind.Adagrad => ["momentum", "nesterov", "beta1", "beta2"],
            _ => ["momentum", "nesterov"],
        };
        foreach (string key in foreign.Where(key => values.IsKnown("kind") && values.Given.Contains(key)))
        {
            Report(values, key, $"The optimizer {JobWords.Of(optimizer.Kind)} has no '{key}'.", "Remove it.");
        }

        if (optimizer is { Nesterov: true, Momentum: 0, Kind: OptimizerKind.Sgd } && values.IsKnown("kind") && values.IsKnown("momentum"))
        {
            Report(values, "nesterov", "Nesterov's method needs a momentum.", "Set 'momentum', for example 0.9.");
        }

        return optimizer;
    }

    private ScheduleSpec Schedule(JobValues values)
    {
        var schedule = new ScheduleSpec
        {
            Kind = values.Word<ScheduleKind>("kind") ?? ScheduleKind.Constant,
            WarmupSteps = (long)(values.Whole("warmupSteps") ?? 0),
            StepSize = (long)(values.Whole("stepSize") ?? 0),
            Gamma = values.Number("gamma") ?? new ScheduleSpec().Gamma,
            FinalFraction = values.Number("finalFraction") ?? 0,
            CycleSteps = (long?)values.Whole("cycleSteps"),
            CycleFactor = values.Int("cycleFactor"),
            RiseFraction = values.Number("riseFraction"),
            StartFraction = values.Number("startFraction"),
        };
        string[] own = schedule.Kind switch
        {
            ScheduleKind.Step => ["warmupSteps", "stepSize", "gamma"],
            ScheduleKind.Cosine => ["warmupSteps", "finalFraction"],
            ScheduleKind.CosineRestarts => ["warmupSteps", "cycleSteps", "cycleFactor", "finalFraction"],
            ScheduleKind.OneCycle => ["riseFraction", "startFraction", "finalFraction"],
            _ => ["warmupSteps"],
        };
        foreach (string key in values.Given.Where(key => key != "kind" && values.IsKnown("kind") && !own.Contains(key)))
        {
            Report(values, key, $"The schedule {JobWords.Of(schedule.Kind)} has no '{key}'.", "Remove it, or name the 'kind' that it belongs to.");
        }

        if (schedule.Kind == ScheduleKind.Step && !values.Given.Contains("stepSize"))
        {
            Report(values, "kind", "The schedule 'step' has no 'stepSize'.", "Give the number of steps after which the rate falls.");
        }

        if (schedule.Kind == ScheduleKind.CosineRestarts && !values.Given.Contains("cycleSteps"))
        {
            Report(values, "kind", "The schedule 'cosine-restarts' has no 'cycleSteps'.", "Give the number of steps of the first fall.");
        }

        return schedule;
    }

    private void CheckTogether(JobSpec job, JobValues values)
    {
        if (values.Given.Contains("epochs") == values.Given.Contains("steps"))
        {
            Report(values, "epochs", values.Given.Contains("epochs") ? "Both 'epochs' and 'steps' are given." : "Neither 'epochs' nor 'steps' is given.", "Give one of the two.");
        }

        if (job.Data.NormalizeLabels != NormalizationKind.None && (job.Loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy) && values.IsKnown("loss"))
        {
            Report(values.Map("data"), "normalizeLabels", $"The loss {JobWords.Of(job.Loss)} takes classes, which are not scaled.", "Remove 'normalizeLabels', or take the loss mse, mae or huber.");
        }

        if (job.Loss == LossKind.Model && job.Model.Name is null && values.Map("model").IsMap)
        {
            Report(values, "loss", "The loss 'model' is that of a model of one's own, and the job names none.", "Take another loss, or give 'model.name'.");
        }

        string[] foreign = job.Loss switch
        {
            LossKind.CrossEntropy => ["posWeight", "delta"],
            LossKind.BinaryCrossEntropy => ["labelSmoothing", "delta"],
            LossKind.Huber => ["labelSmoothing", "focal", "posWeight"],
            _ => ["labelSmoothing", "focal", "posWeight", "delta"],
        };
        JobValues options = values.Map("lossOptions");
        foreach (string key in foreign.Where(key => values.IsKnown("loss") && options.Given.Contains(key)))
        {
            Report(options, key, $"The loss {JobWords.Of(job.Loss)} has no '{key}'.", "Remove it, or take the loss that it belongs to.");
        }

        foreach ((string key, MetricKind metric) in new[] { ("topK", MetricKind.TopK), ("atPrecision", MetricKind.RecallAtPrecision) }.Where(pair => values.Given.Contains(pair.Item1) && !job.Metrics.Contains(pair.Item2) && values.IsKnown("metrics")))
        {
            Report(values, key, $"'{key}' belongs to the metric {JobWords.Of(metric)}, which is not measured.", $"Remove it, or name {JobWords.Of(metric)} in 'metrics'.");
        }

        if (job.ClassWeights is not null && values.IsKnown("loss"))
        {
            if (job.Loss is LossKind.Mse or LossKind.Mae or LossKind.Huber)
            {
                Report(values, "classWeights", $"The loss {JobWords.Of(job.Loss)} takes numbers, which have no classes.", "Remove 'classWeights', or take the loss cross-entropy.");
            }
            else if (job.Loss == LossKind.Model)
            {
                Report(values, "classWeights", "The loss 'model' is the model's own, which weighs its samples itself.", "Remove 'classWeights', or take the loss cross-entropy.");
            }
        }

        if (job.ClassWeights is { ByClass: null } && job.Data.Format == DataFormat.Source)
        {
            Report(values, "classWeights", "A data source of one's own does not say how many samples each class has, which balanced class weights go by.", "Give a map of class and number.");
        }

        if (job.Best is { } best)
        {
            if (job.Optimizer.ExportsAverage)
            {
                Report(values, "best", "The best version is found by its newest values, and the model file would have their moving average, which nobody measured.", "Remove 'best', or set 'optimizer.exported: last'.");
            }

            JobValues map = values.Map("best");
            bool isOwn = job.Model.Metrics.Contains(best.Metric);
            if (best.Metric == JobWords.Of(MetricKind.Confusion))
            {
                Report(map, "metric", $"'{best.Metric}' is no number, and of two tables none is better.", "Take a metric that is a number, or the loss.");
            }
            else if (best.Metric != BestSpec.Loss && !isOwn && !job.Metrics.Any(metric => JobWords.Of(metric) == best.Metric) && values.IsKnown("metrics") && values.Map("model").IsKnown("metrics"))
            {
                Report(map, "metric", $"'{best.Metric}' is not measured.", "Add it to 'metrics', or take one that is there, or the loss.");
            }
            else if (isOwn && !map.Given.Contains("mode"))
            {
                Report(map, "metric", $"'{best.Metric}' is the model's own, and nothing says what is better of it.", "Give 'mode' too, min or max.");
            }

            if (job.Data is { Validation: null, Split: null } && values.Map("data") is var data && data.IsKnown("validation") && data.IsKnown("split"))
            {
                Report(map, "metric", "Without validation data no version is better than another.", "Give the data a 'validation' or a 'split', or remove 'best'.");
            }

            if (best.Patience is null && best.MinDelta > 0 && map.IsKnown("patience"))
            {
                Report(map, "minDelta", "'minDelta' belongs to 'patience'.", "Give 'patience' too, or remove it.");
            }
        }

        if (job.Slots > job.GlobalBatch && values.IsKnown("slots") && values.IsKnown("globalBatch"))
        {
            Report(values, values.Given.Contains("slots") ? "slots" : "globalBatch", $"{job.Slots} slots cannot share a global batch of {job.GlobalBatch} samples.", "Lower 'slots' or raise 'globalBatch'.");
        }

        if (job.Workers.Min > job.Workers.Max)
        {
            JobValues workers = values.Map("workers");
            Report(workers, "min", $"At least {job.Workers.Min} workers and at most {job.Workers.Max} cannot be.", "Make 'min' at most 'max'.");
        }

        if (job.Metrics.Count != job.Metrics.Distinct().Count())
        {
            Report(values, "metrics", "A metric is named twice.", "Name each once.");
        }
    }

    private static List<int> Sizes(JobValues values, string key) => [.. values.List<decimal>(key).Select(size => (int)size)];

    private void Report(JobValues values, string key, string message, string remedy) => errors.Add(new(values.FileOf(key), values.LineOf(key), message, remedy));
}
