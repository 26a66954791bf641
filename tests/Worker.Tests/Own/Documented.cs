using Lockstep.Abstractions;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lockstep.Worker.Tests.Own;

/// <summary>The examples of docs/models.md, which a test compares with it.</summary>
internal static class Documented
{
    public static int Run(string[] args)
    {
        return LockstepWorker.CreateBuilder(args)
            .AddModel<PairNet>("pair-net")
            .AddDataSource<Pairs>("pairs")
            .Build()
            .Run();
    }

    public sealed class PairNet : nn.Module, ILockstepModel, IModelLoss, IModelMetrics
    {
        private readonly Embedding words;
        private readonly Linear head;

        public PairNet(ModelContext context) : base("pair-net")
        {
            int width = context.Options.Whole("width", 8);
            words = nn.Embedding(10, width);
            head = nn.Linear(width + 2, 1);
            RegisterComponents();
        }

        public IReadOnlyList<string> Metrics => ["distance"];

        public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs)
        {
            Tensor word = words.forward(inputs["words"]).mean([1]);
            return ModelOutputs.Of(head.forward(torch.cat([word, inputs["numbers"]], 1)));
        }

        public Tensor Loss(IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels) =>
            nn.functional.mse_loss(outputs["output"], labels["target"], nn.Reduction.None).squeeze(1);

        public Tensor Measure(string metric, IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels) =>
            (outputs["output"] - labels["target"]).abs().squeeze(1);
    }

    public sealed class Pairs(DataContext context) : IDataSource
    {
        public long Count { get; } = context.Options.Whole("count", 48);

        public IReadOnlyList<DataField> Fields { get; } = [DataField.Indexes("words", 3), DataField.Input("numbers", 2), DataField.Label("target", 1)];

        public void Read(long index, Sample sample)
        {
            Span<long> words = sample.Integers("words");
            for (int i = 0; i < words.Length; i++)
            {
                words[i] = (index + i) % 10;
            }

            sample.Floats("numbers")[0] = index % 7;
            sample.Floats("numbers")[1] = index % 3;
            sample.Floats("target")[0] = (index % 7) - (index % 3);
        }

        public void Dispose()
        {
        }
    }
}
