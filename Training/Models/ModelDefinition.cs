using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>How a job's module is made, and what its values at version 0 are.</summary>
internal abstract class ModelDefinition
{
    /// <value>Numbers that come out for one sample; null: the loss is the module's own.</value>
    public abstract int? Outputs { get; }

    /// <value>For messages.</value>
    public abstract string Subject { get; }

    /// <value>Samples whose values fit into memory at once.</value>
    public abstract int SamplesAtOnce { get; }

    /// <summary>Makes the module, and what calls it.</summary>
    public abstract (torch.nn.Module Module, ILockstepModel Call) Make();

    /// <summary>Samples that a slot has at least (an empty one aside): 2 where a batch norm could otherwise see one value a channel.</summary>
    public abstract int MinimumSlotSamples(torch.nn.Module module);

    /// <summary>Writes version 0.</summary>
    /// <param name="flat">[all elements of the module's tensors, in order], overwritten.</param>
    public abstract void FillInitial(Span<float> flat);
}

/// <summary>A module of the job file's layers.</summary>
internal sealed class LayeredDefinition(ModelPlan plan, ulong seed) : ModelDefinition
{
    private const int MostValues = 1 << 26;

    public override int? Outputs => plan.Outputs;

    public override string Subject => "The model";

    // Values between two layers in 256 MiB.
    public override int SamplesAtOnce => (int)Math.Clamp(MostValues / plan.Layers.SelectMany(l => new[] { l.Input, l.Output }).Max(shape => shape.Aggregate(1L, (product, size) => product * size)), 1, 1024);

    public override (torch.nn.Module Module, ILockstepModel Call) Make()
    {
        var module = new LayeredModel(plan);
        return (module, module);
    }

    public override int MinimumSlotSamples(torch.nn.Module module) => plan.MinimumSlotSamples;

    public override void FillInitial(Span<float> flat) => Initialization.Fill(plan, seed, flat);
}

/// <summary>A module of the worker program's own, made by its constructor under the job's seed.</summary>
internal sealed class OwnDefinition(JobSpec job, IReadOnlyList<DataField> fields, int? outputs, ComponentCatalog catalog) : ModelDefinition
{
    private const int MostSamplesAtOnce = 1024;
    private const ulong InitialKey = 0x696e6974;

    private readonly string _name = job.Model.Name!;

    public override int? Outputs => outputs;

    public override string Subject => $"The model '{_name}'";

    // What a slot takes is known to fit.
    public override int SamplesAtOnce => Math.Clamp((job.GlobalBatch + job.Slots - 1) / job.Slots, 1, MostSamplesAtOnce);

    public override (torch.nn.Module Module, ILockstepModel Call) Make()
    {
        torch.nn.Module module = Construct();
        try
        {
            var own = new OwnModel(_name, module, [.. fields.Where(field => !field.IsLabel)], outputs);
            own.Check(job.Loss == LossKind.Model, job.Model.Metrics);
            return (module, own);
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

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
