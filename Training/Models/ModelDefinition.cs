using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>How a job's module is made, and what its values at version 0 are.</summary>
internal abstract class ModelDefinition
{
    private const int MostSamplesAtOnce = 1024;

    /// <value>Numbers that come out for one sample; null: the loss is the module's own.</value>
    public abstract int? Outputs { get; }

    /// <value>For messages.</value>
    public abstract string Subject { get; }

    /// <value>Samples whose values fit into memory at once.</value>
    public abstract int SamplesAtOnce { get; }

    /// <value>Whether what the module computes is not ours, so that it may fail on the way back, too.</value>
    public virtual bool IsForeign => true;

    /// <summary>Makes the module, and what calls it.</summary>
    public abstract (torch.nn.Module Module, ILockstepModel Call) Make();

    /// <summary>Samples that a slot has at least (an empty one aside): 2 where a batch norm could otherwise see one value a channel.</summary>
    public abstract int MinimumSlotSamples(torch.nn.Module module);

    /// <summary>The module as an ONNX file: its inputs are prepared samples, and its output is the last layer's.</summary>
    /// <param name="flat">[all elements of the module's tensors, in order]</param>
    /// <param name="metadata">Texts that go along.</param>
    /// <exception cref="InputException">It has no graph.</exception>
    public abstract byte[] ToOnnx(float[] flat, IReadOnlyDictionary<string, string> metadata);

    /// <summary>Writes version 0.</summary>
    /// <param name="flat">[all elements of the module's tensors, in order], overwritten.</param>
    public abstract void FillInitial(Span<float> flat);

    /// <summary>Samples of one slot, which are known to fit.</summary>
    protected static int SlotSamples(JobSpec job) => Math.Clamp((job.GlobalBatch + job.Slots - 1) / job.Slots, 1, MostSamplesAtOnce);
}

/// <summary>A module of the job file's layers.</summary>
/// <param name="inputName">Of the data's one input.</param>
internal sealed class LayeredDefinition(ModelPlan plan, string inputName, ulong seed) : ModelDefinition
{
    private const int MostValues = 1 << 26;

    public override int? Outputs => plan.Needs.Outputs;

    public override string Subject => "The model";

    public override bool IsForeign => false;

    // Values between two layers in 256 MiB.
    public override int SamplesAtOnce => (int)Math.Clamp(MostValues / plan.Row.Layers.SelectMany(layer => layer.All).Max(layer => Math.Max(Shapes.Product(layer.Input), layer.Inner.Any() ? 1 : layer.Kept)), 1, 1024);

    public override (torch.nn.Module Module, ILockstepModel Call) Make()
    {
        var module = new LayeredModel(plan, inputName);
        return (module, module);
    }

    public override int MinimumSlotSamples(torch.nn.Module module) => plan.MinimumSlotSamples;

    public override byte[] ToOnnx(float[] flat, IReadOnlyDictionary<string, string> metadata)
    {
        var first = new int[plan.Tensors.Count];
        int offset = 0;
        foreach (LayerTensor tensor in plan.Listed)
        {
            first[tensor.Index] = offset;
            offset += (int)tensor.Spec.Elements;
        }

        var graph = new OnnxGraph(tensor => flat.AsSpan(first[tensor.Index], (int)tensor.Spec.Elements).ToArray());
        string x = plan.Input.SequenceEqual(plan.Needs.SampleShape) ? inputName : graph.Reshape(inputName, Shapes.Long(plan.Input));
        return graph.ToModel((inputName, plan.Needs.SampleShape, plan.Needs.IsIndexes), plan.Row.Export(graph, x), ModelOutputs.Usual, plan.Row.Output, metadata);
    }

    public override void FillInitial(Span<float> flat) => Initialization.Fill(plan, seed, flat);
}

/// <summary>A module of the worker program's own, made by its constructor under the job's seed.</summary>
internal sealed class OwnDefinition(JobSpec job, IReadOnlyList<DataField> fields, int? outputs, ComponentCatalog catalog) : ModelDefinition
{
    private const ulong InitialKey = 0x696e6974;

    private readonly string _name = job.Model.Name!;

    public override int? Outputs => outputs;

    public override string Subject => $"The model '{_name}'";

    public override int SamplesAtOnce => SlotSamples(job);

    public override (torch.nn.Module Module, ILockstepModel Call) Make()
    {
        torch.nn.Module module = Construct();
        try
        {
            var own = new OwnModel(_name, module, [.. fields.Where(field => !field.IsLabel)], outputs is { } width ? LabelNeeds.OutputShape(fields, width) : null);
            own.Check(job.Loss == LossKind.Model, job.Model.Metrics);
            return (module, own);
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

    public override byte[] ToOnnx(float[] flat, IReadOnlyDictionary<string, string> metadata) =>
        throw new InputException(InputException.JobFile, 0, $"{Subject} is the worker program's own, and has no graph that could be written.", "Export models of presets and layers; load this one by its tensors' names in a program of your own.");

    public override int MinimumSlotSamples(torch.nn.Module module) => module.modules().Any(part => part.GetType().Name.StartsWith("BatchNorm", StringComparison.Ordinal)) ? 2 : 1;

    public override void FillInitial(Span<float> flat)
    {
        using torch.nn.Module module = Construct();
        using var state = new ModuleState(module, Subject);
        if (state.ElementCount != flat.Length)
        {
            throw new InputException(InputException.JobFile, 0, $"{Subject} has {state.ElementCount} elements now and had {flat.Length} before.", "Let its constructor make the same tensors whenever it is called.");
        }

        state.CopyTo(flat);
    }

    private torch.nn.Module Construct()
    {
        torch.manual_seed((long)(CounterRandom.Key(job.Seed, InitialKey, 0) >> 1));
        var options = new ComponentOptions(job.Model.Options ?? new Dictionary<string, string>());
        torch.nn.Module module = catalog.MakeModel(_name, new ModelContext(fields, outputs, options));
        OptionErrors.Check(options, Subject, "model.options");
        return module;
    }
}
