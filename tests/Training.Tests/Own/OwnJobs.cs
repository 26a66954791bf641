using Lockstep.Contracts.Jobs;

namespace Lockstep.Training.Tests.Own;

/// <summary>Jobs of models and data sources that this assembly has.</summary>
internal static class OwnJobs
{
    public static ComponentCatalog Catalog { get; } = Make();

    public static JobSpec Residual { get; } = Job("residual", "made", LossKind.CrossEntropy) with { Metrics = [MetricKind.Accuracy] };

    public static JobSpec Pair { get; } = Job("pair", "pairs", LossKind.Model);

    public static JobSpec Bad(string fault) => Job("bad", "made", LossKind.CrossEntropy, ("fault", fault));

    public static JobSpec BadData(string fault) => Residual with { Data = Residual.Data with { Options = new Dictionary<string, string> { ["fault"] = fault } } };

    public static JobSpec Job(string model, string source, LossKind loss, params (string Name, string Value)[] options) => new()
    {
        Name = "own",
        Model = new ModelSpec { Name = model, Options = options.ToDictionary(o => o.Name, o => o.Value) },
        Data = new DataSpec { Format = DataFormat.Source, Source = source, Train = "" },
        Loss = loss,
        Seed = 11,
        GlobalBatch = 12,
        Slots = 4,
        Epochs = 1,
    };

    /// <summary>Opens a job's data and makes its trainer.</summary>
    public static Opened Open(JobSpec job) => new(job);

    private static ComponentCatalog Make()
    {
        var catalog = new ComponentCatalog();
        catalog.AddModel("residual", typeof(ResidualNet));
        catalog.AddModel("pair", typeof(PairNet));
        catalog.AddModel("bad", typeof(BadNet));
        catalog.AddDataSource("made", typeof(MadeSource));
        catalog.AddDataSource("pairs", typeof(PairSource));
        return catalog;
    }

    internal sealed class Opened : IDisposable
    {
        public Opened(JobSpec job)
        {
            Data = JobData.Open(job, Catalog, Path.GetTempPath(), TestContext.Current.CancellationToken);
            Model = NeuralModel.Build(job, Data.Train.Fields, Catalog);
            Trainer = new SlotTrainer(job, Model, Data.Train, Data.Validation, Data.ClassWeights(job.ClassWeights));
        }

        public JobData Data { get; }
        public NeuralModel Model { get; }
        public SlotTrainer Trainer { get; }

        public float[] Initial()
        {
            var flat = new float[Model.ElementCount];
            Trainer.CopyInitial(flat);
            return flat;
        }

        public (float[] Gradient, SlotResult Result) Run(long step, int slot, long[] ids, int of)
        {
            var gradient = new float[Model.ElementCount];
            Array.Fill(gradient, float.NaN);
            SlotResult result = Trainer.Run(step, slot, ids, of, gradient);
            return (gradient, result);
        }

        /// <summary>The part of a flat vector that is a tensor's.</summary>
        public float[] Part(float[] flat, string name)
        {
            int offset = 0;
            foreach (var tensor in Model.Tensors)
            {
                if (tensor.Name == name)
                {
                    return flat[offset..(offset + (int)tensor.Elements)];
                }

                offset += (int)tensor.Elements;
            }

            throw new ArgumentException($"There is no {name} among {string.Join(", ", Model.Tensors.Select(t => t.Name))}.", nameof(name));
        }

        public void Dispose()
        {
            Trainer.Dispose();
            Model.Dispose();
            Data.Dispose();
        }
    }
}
