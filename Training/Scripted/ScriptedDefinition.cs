using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>A module that was scripted in Python, with the values that its file has.</summary>
/// <param name="program">See <see cref="ScriptedModel.Load"/>.</param>
internal sealed class ScriptedDefinition(JobSpec job, IReadOnlyList<DataField> fields, int outputs, string? program) : ModelDefinition
{
    private readonly string _path = job.Model.Torchscript!;
    private readonly DataField[] _inputs = [.. fields.Where(field => !field.IsLabel)];

    public override int? Outputs => outputs;

    public override string Subject => $"The model '{Path.GetFileName(_path)}'";

    public override int SamplesAtOnce => SlotSamples(job);

    public override (torch.nn.Module Module, ILockstepModel Call) Make()
    {
        torch.jit.ScriptModule module = ScriptedModel.Load(_path, program);
        return (module, new ScriptedModel(_path, module, _inputs, LabelNeeds.OutputShape(fields, outputs)));
    }

    /// <remarks>What has running statistics is a batch norm, or as good as one.</remarks>
    public override int MinimumSlotSamples(torch.nn.Module module) => module.named_buffers().Any(buffer => buffer.name.EndsWith("running_mean", StringComparison.Ordinal)) ? 2 : 1;

    public override byte[] ToOnnx(float[] flat, IReadOnlyDictionary<string, string> metadata) =>
        throw new InputException(InputException.JobFile, 0, $"{Subject} is a TorchScript file, whose graph is not written as ONNX.", "In Python, load the tensors of model.safetensors into the model by their names, and export it there.");

    public override void FillInitial(Span<float> flat)
    {
        using torch.jit.ScriptModule module = ScriptedModel.Read(_path);
        using var state = new ModuleState(module, Subject);
        state.CopyTo(flat);
    }
}
