using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Layout;
using Lockstep.Core.Sampling;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>Computes a few slots twice, with an evaluation between, and says what their bits are: whoever compares several processes sees whether a slot is a pure function.</summary>
internal sealed class PurityTool(PurityRequest request, ComponentCatalog catalog, TextWriter output)
{
    private const int Steps = 2;
    private const int MostSlots = 3;
    private const int Passes = 2;
    private const int EvaluatedSamples = 8;

    public int Run(CancellationToken cancellation)
    {
        JobSpec spec = JobFile.FromCanonicalJson(File.ReadAllText(request.Job));
        using JobData data = JobData.Open(spec, catalog, request.Cache, cancellation);
        using NeuralModel model = NeuralModel.Build(spec, data.Train.Fields, catalog);
        using var trainer = new SlotTrainer(spec, model, data.Train, data.Validation, data.ClassWeights(spec.ClassWeights));
        StepSampler sampler = PreparedJob.Sampler(spec, data.Train.Count, model.MinimumSlotSamples);
        var values = new float[model.ElementCount];
        trainer.CopyInitial(values);
        trainer.Load(values);
        (long Step, int Slot)[] order = [.. Enumerable.Range(0, Steps).SelectMany(step => Enumerable.Range(0, Math.Min(spec.Slots, MostSlots)).Select(slot => ((long)step, slot)))];
        if (request.Reversed)
        {
            Array.Reverse(order);
        }

        var slots = new List<ComputedSlot>();
        var gradient = new float[model.ElementCount];
        var samples = new List<long>();
        for (int pass = 0; pass < Passes; pass++)
        {
            foreach ((long step, int slot) in order)
            {
                cancellation.ThrowIfCancellationRequested();
                samples.Clear();
                sampler.SlotSamples(step, slot, samples);
                if (samples.Count > 0)
                {
                    SlotResult result = trainer.Run(step, slot, [.. samples], sampler.SamplesInStep(step), gradient);
                    slots.Add(new ComputedSlot(step, slot, Bits(model, gradient, result)));
                }
            }

            if (data.Validation is { } validation)
            {
                trainer.Evaluate([.. Enumerable.Range(0, (int)Math.Min(EvaluatedSamples, validation.Count)).Select(i => (long)i)]);
            }
        }

        output.WriteLine(new PurityReport(Bits(model, values), slots).ToJson());
        return 0;
    }

    private static Dictionary<string, string> Bits(NeuralModel model, float[] gradient, SlotResult result)
    {
        Dictionary<string, string> bits = Bits(model, gradient);
        bits["loss"] = Hash<double>([result.LossSum]);
        return bits;
    }

    private static Dictionary<string, string> Bits(NeuralModel model, float[] flat)
    {
        var bits = new Dictionary<string, string>(StringComparer.Ordinal);
        int offset = 0;
        foreach (TensorSpec tensor in model.Tensors)
        {
            bits[tensor.Name] = Hash<float>(flat.AsSpan(offset, (int)tensor.Elements));
            offset += (int)tensor.Elements;
        }

        return bits;
    }

    private static string Hash<T>(ReadOnlySpan<T> values) where T : struct => Convert.ToHexStringLower(XxHash128.Hash(MemoryMarshal.AsBytes(values)));
}
