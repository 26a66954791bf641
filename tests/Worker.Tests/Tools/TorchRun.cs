using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>The folder of a run that two workers and two shards made with libtorch, in one process.</summary>
internal sealed class TorchRun : IDisposable
{
    public const int Steps = 12;
    public const int CheckpointEvery = 4;

    private readonly TemporaryFolder _folder = new();

    /// <param name="kind">What the model or its optimizer has: dropout, batch-norm, clipping, weight-decay, class-weights, or everything; or average, with a batch norm and a group.</param>
    public TorchRun(string kind)
    {
        Folder = new RunFolder(Path.Combine(_folder.Path, "run"));
        Directory.CreateDirectory(Folder.Path);
        Spec = SpecOf(kind, WriteData(_folder.Path));
    }

    public RunFolder Folder { get; }

    public JobSpec Spec { get; }

    /// <value>Made by <see cref="TrainAsync"/>.</value>
    public string Model => Folder.Model;

    public void Dispose() => _folder.Dispose();

    /// <summary>Trains to the end, and leaves what a scheduler would: job, ledger and model.</summary>
    /// <returns>What ps-0 reported.</returns>
    public async Task<IReadOnlyList<StepReport>> TrainAsync()
    {
        IReadOnlyList<StepReport> reports = await RunAsync(null, null, null);
        JobDescriptor descriptor = CheckpointSet.Read(Folder.Checkpoints, Steps).Descriptor;
        File.WriteAllText(Folder.Job, JobWriter.ToYaml(Spec));
        File.WriteAllLines(Folder.Ledger, LinesOf(reports).Select((hash, index) => new LedgerLine(index + 1, hash, index == 0 ? descriptor.DeterminismClass : null).ToJson()));
        ModelFile.Write(Folder.Model, CheckpointSet.Read(Folder.Checkpoints, Steps));
        return reports;
    }

    /// <param name="resume">Checkpoint to go on from.</param>
    /// <param name="beforeRun">Called with (step, slot) before a slot is computed.</param>
    /// <param name="meanwhile">What happens beside training.</param>
    public async Task<IReadOnlyList<StepReport>> RunAsync(long? resume, Action<long, int>? beforeRun, Func<Swarm, Task>? meanwhile)
    {
        using var compute = new ComputeThread();
        PreparedJob opened = await compute.RunAsync(() => PreparedJob.Prepare(Spec, "job", Folder, resume, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, default));
        TrainingPlan job = opened.Plan;
        await compute.RunAsync(opened.Dispose);
        await using var swarm = new Swarm(job, TimeProvider.System);
        Member[] members = [.. Enumerable.Range(0, 2).Select(w => swarm.Hire($"w{w}", new QuietWire(), () => new SharedTorch(() => PreparedJob.Prepare(Spec, "job", Folder, resume, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, default), beforeRun ?? ((_, _) => { }))).Start())];
        Task beside = meanwhile?.Invoke(swarm) ?? Task.CompletedTask;
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        await beside;
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        return reports;
    }

    /// <summary>The lines of the ledger by step; a step that was done again gave its line again.</summary>
    public static IReadOnlyList<string> LinesOf(IEnumerable<StepReport> reports) =>
        [.. reports.Where(r => r.Ledger.Length > 0).GroupBy(r => r.Cursor.Step).OrderBy(step => step.Key).Select(step => Assert.Single(step.Select(r => r.Ledger).Distinct()))];

    /// <summary>The metrics of the last version.</summary>
    public IReadOnlyDictionary<string, double> LastEvaluation(IReadOnlyList<StepReport> reports) =>
        MetricMath.Finish(MetricLayout.Of(Spec, 3, 1), ["0", "1", "2"], reports.Last(r => r.EvaluationParts.Count > 0).EvaluationParts).Values;

    private static JobSpec SpecOf(string kind, string data)
    {
        bool Has(string what) => kind == what || kind == "everything";
        var layers = new List<LayerSpec> { new() { Kind = LayerKind.Linear, Out = 12 } };
        if (Has("batch-norm") || kind == "average")
        {
            layers.Add(new() { Kind = LayerKind.BatchNorm });
        }

        layers.Add(new() { Kind = LayerKind.Relu });
        if (Has("dropout"))
        {
            layers.Add(new() { Kind = LayerKind.Dropout, P = 0.3 });
        }

        layers.Add(new() { Kind = LayerKind.Linear, Out = 3 });
        return new JobSpec
        {
            Name = "tools",
            Model = new() { Layers = layers },
            Data = new() { Format = DataFormat.Csv, Train = data, Labels = ["y"], Split = 0.25, Normalize = NormalizationKind.Standard },
            Loss = LossKind.CrossEntropy,
            Metrics = [MetricKind.Accuracy, MetricKind.F1, MetricKind.Precision, MetricKind.Recall, MetricKind.Confusion],
            ClassWeights = Has("class-weights") ? new(null) : null,
            Optimizer = new() { Kind = OptimizerKind.AdamW, LearningRate = 0.02, ClipNorm = Has("clipping") ? 0.2 : null, WeightDecay = Has("weight-decay") ? 0.1 : 0, AverageDecay = kind == "average" ? 0.9 : null, Groups = kind == "average" ? [new() { Names = ["*.bias"], Rate = 0.5 }] : null },
            Steps = Steps,
            GlobalBatch = 32,
            Slots = 4,
            Seed = 3,
            Shards = 2,
            Checkpoint = new() { Every = CheckpointEvery, Keep = Steps },
        };
    }

    /// <summary>120 rows, of which 90 are trained on; the last step of an epoch has fewer than the others. The second column is far off, so that running means are too.</summary>
    private static string WriteData(string folder)
    {
        var random = new Random(5);
        string path = Path.Combine(folder, "rows.csv");
        File.WriteAllLines(path, Enumerable.Range(0, 120).Select(row =>
        {
            double[] x = [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble() - 0.5)];
            int label = x[0] > x[1] ? 0 : x[2] > 0 ? 1 : 2;
            return string.Join(',', x.Select((value, column) => (value + (100 * column)).ToString("R", CultureInfo.InvariantCulture)).Append(label.ToString(CultureInfo.InvariantCulture)));
        }).Prepend("a,b,c,d,y"));
        return path;
    }
}
