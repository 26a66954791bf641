using System.Runtime.InteropServices;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Data;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// A job's model: a module of torch with its tensors as one flat vector, be it that of a job file's layers, the worker program's own or one that was scripted in Python. Not thread-safe.
/// The flat model vector is the concatenation of <see cref="Tensors"/>, row-major.
/// </summary>
public sealed class NeuralModel : IDisposable
{
    private readonly ModelDefinition _definition;
    private readonly torch.nn.Module _module;
    private readonly ILockstepModel _call;
    private readonly ModuleState _state;
    private readonly InitialWeights? _weights;
    private bool? _isTraining;
    private bool _isChecked;

    private NeuralModel(ModelDefinition definition, InitialWeights? weights)
    {
        (_definition, _weights) = (definition, weights);
        (_module, _call) = definition.Make();
        try
        {
            _state = new ModuleState(_module, definition.Subject);
            MinimumSlotSamples = definition.MinimumSlotSamples(_module);
            CheckInitial();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<TensorSpec> Tensors => _state.Specs;

    /// <value>Length of the flat model vector.</value>
    public long ElementCount => _state.ElementCount;

    /// <value>Values that come out for one sample, as the job's loss takes them; null: the loss is the model's own.</value>
    public int? Outputs => _definition.Outputs;

    /// <value>The fewest samples that a slot may have (an empty slot aside): 2 where a batch norm could otherwise see one value a channel.</value>
    public int MinimumSlotSamples { get; }

    /// <value>Samples whose values fit into memory at once; 1,024 at most.</value>
    public int SamplesAtOnce => _definition.SamplesAtOnce;

    /// <value>What of the job's file of initial values does not fit the model; empty where all does.</value>
    public IReadOnlyList<string> Misfits { get; private set; } = [];

    /// <value>What gradients are taken of, in the order of <see cref="Tensors"/>.</value>
    internal Tensor[] Trainable => _state.Trainable;

    /// <value>The model's own loss and metrics; null: it has none.</value>
    internal OwnModel? Own => _call as OwnModel;

    /// <value>Whether what the module computes is not ours, so that it may fail on the way back, too.</value>
    internal bool IsForeign => _definition.IsForeign;

    /// <summary>The tensors that a job's layers have, without making any.</summary>
    /// <param name="sampleShape">Shape of one sample, without the batch.</param>
    /// <param name="outputs">See <see cref="OutputsFor(JobSpec, IDataSet)"/>.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static IReadOnlyList<TensorSpec> TensorsOf(JobSpec job, IReadOnlyList<int> sampleShape, int outputs) => TensorsOf(ModelPlan.Create(job, new ModelNeeds(sampleShape, outputs)));

    /// <summary>As the other, for data as they are described.</summary>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static IReadOnlyList<TensorSpec> TensorsOf(JobSpec job, IReadOnlyList<DataField> fields) => TensorsOf(ModelPlan.Create(job, LabelNeeds.OfLayers(job, fields)));

    /// <summary>Looks whether labels suit the job's loss.</summary>
    /// <exception cref="InputException">They don't.</exception>
    public static void CheckLabels(JobSpec job, IReadOnlyList<DataField> fields) => LabelNeeds.Outputs(job, fields);

    /// <summary>Builds a model of layers at version 0, whose bits follow from the job's seed alone.</summary>
    /// <param name="sampleShape">Shape of one sample, without the batch.</param>
    /// <param name="outputs">See <see cref="OutputsFor(JobSpec, IDataSet)"/>.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static NeuralModel Build(JobSpec job, IReadOnlyList<int> sampleShape, int outputs) => Build(job, new ModelNeeds(sampleShape, outputs), DataSetSource.Features);

    /// <summary>Builds a job's model at version 0, whose bits follow from the job's seed and the program's code alone.</summary>
    /// <param name="fields">Of the data.</param>
    /// <param name="catalog">Has the model, where the job names one of the program's own.</param>
    /// <exception cref="InputException">The model, the data, the loss and the metrics don't fit together, or the model's own code failed; or libtorch computes wrongly on this processor.</exception>
    public static NeuralModel Build(JobSpec job, IReadOnlyList<DataField> fields, ComponentCatalog catalog)
    {
        int? outputs = LabelNeeds.Outputs(job, fields);
        if (job.Model.IsLayers)
        {
            return Build(job, LabelNeeds.OfLayers(job, fields), fields.First(field => !field.IsLabel).Name);
        }

        LabelNeeds.CheckMetrics(job, fields, outputs);
        TorchRuntime.Require(job.ThreadsPerWorker);
        ModelDefinition definition = job.Model.Torchscript is null ? new OwnDefinition(job, fields, outputs, catalog) : new ScriptedDefinition(job, fields, outputs!.Value, catalog.Program);
        var model = new NeuralModel(definition, InitialWeights.Of(job));
        try
        {
            GroupNeeds.Check(job, model.Tensors);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The number of outputs that a loss needs on a data set: label columns (mse, mae), classes (cross-entropy) or 1 (binary cross-entropy).</summary>
    /// <exception cref="InputException">The labels don't suit the loss.</exception>
    public static int OutputsFor(JobSpec job, IDataSet data) => LabelNeeds.Outputs(job, new DataSetSource(data).Fields)!.Value;

    /// <summary>Copies version 0, whatever the model holds now.</summary>
    /// <param name="flat">[ElementCount], overwritten.</param>
    public void CopyInitial(Span<float> flat)
    {
        CheckLength(flat.Length);
        _definition.FillInitial(flat);
        _weights?.Overlay(Tensors, flat);
    }

    /// <summary>The model with the values that it holds, as an ONNX file (operator set 20). The input has the name of the data's and takes prepared samples, [samples, …shape], whole numbers as int64; the output is called <c>output</c>.</summary>
    /// <param name="metadata">Texts that go along.</param>
    /// <exception cref="InputException">It is no model of layers.</exception>
    public byte[] ToOnnx(IReadOnlyDictionary<string, string> metadata)
    {
        var flat = new float[ElementCount];
        _state.PutBack();
        _state.CopyTo(flat);
        return _definition.ToOnnx(flat, metadata);
    }

    /// <summary>Sets all tensors. Nothing else ever changes them.</summary>
    /// <param name="flat">[ElementCount]</param>
    public void Load(ReadOnlySpan<float> flat)
    {
        CheckLength(flat.Length);
        _state.Load(flat);
    }

    /// <summary>As the other, from pieces.</summary>
    /// <param name="parts">[ElementCount] in all, in model order.</param>
    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        CheckLength(parts.Sum(part => part.Length));
        _state.Load(parts);
    }

    /// <summary>Evaluates the model: nothing is dropped, and batch norm goes by the buffers.</summary>
    /// <param name="inputs">By field: [samples, …shape].</param>
    /// <returns>By name. Belongs to the caller's dispose scope.</returns>
    internal IReadOnlyDictionary<string, Tensor> Evaluate(IReadOnlyDictionary<string, Tensor> inputs)
    {
        _state.PutBack();
        SetMode(training: false);
        return _call.Forward(inputs);
    }

    /// <summary>Evaluates the model as training does: dropout drops by torch's generator, and batch norm goes by the batch.</summary>
    /// <param name="step">Of the version that was loaded.</param>
    /// <param name="inputs">By field: [samples, …shape].</param>
    /// <returns>By name. Belongs to the caller's dispose scope.</returns>
    internal IReadOnlyDictionary<string, Tensor> Train(long step, IReadOnlyDictionary<string, Tensor> inputs)
    {
        _state.Begin(step);
        SetMode(training: true);
        IReadOnlyDictionary<string, Tensor> outputs = _call.Forward(inputs);
        if (!_isChecked)
        {
            _isChecked = true;
            if (_state.Changed(_module) is { } other)
            {
                throw new InputException(InputException.JobFile, 0, $"{_definition.Subject} has other tensors after its forward pass than before it: {other}.", "Register all parameters and buffers in the constructor, and change a buffer in place.");
            }
        }

        return outputs;
    }

    /// <summary>What a slot comes to after <see cref="Train"/>, and puts buffers back.</summary>
    /// <param name="gradients">Of <see cref="Trainable"/>; null stands for zeros.</param>
    /// <param name="share">The slot's samples by those of the step.</param>
    /// <param name="flat">[ElementCount], overwritten.</param>
    internal void Collect(IList<Tensor?> gradients, double share, Span<float> flat)
    {
        _state.Collect(gradients, share, flat);
        _state.PutBack();
    }

    public void Dispose()
    {
        _state?.Dispose();
        _module.Dispose();
    }

    private static IReadOnlyList<TensorSpec> TensorsOf(ModelPlan plan) => [.. plan.Listed.Select(tensor => tensor.Spec)];

    private static NeuralModel Build(JobSpec job, ModelNeeds needs, string inputName)
    {
        TorchRuntime.Require(job.ThreadsPerWorker);
        return new NeuralModel(new LayeredDefinition(ModelPlan.Create(job, needs), inputName, job.Seed), InitialWeights.Of(job));
    }

    /// <summary>Version 0 is what the definition says of it, whenever it is asked.</summary>
    private void CheckInitial()
    {
        var flat = new float[ElementCount];
        _definition.FillInitial(flat);
        if (Own is not null)
        {
            var first = new float[ElementCount];
            _state.CopyTo(first);
            if (!MemoryMarshal.AsBytes<float>(first).SequenceEqual(MemoryMarshal.AsBytes<float>(flat)))
            {
                throw new InputException(InputException.JobFile, 0, $"{_definition.Subject} has other initial values each time that it is constructed.", "Draw them from torch's generator alone, which the job's seed sets.");
            }
        }

        Misfits = _weights?.Overlay(Tensors, flat) ?? [];
        _state.Load(flat);
    }

    private void SetMode(bool training)
    {
        if (_isTraining != training)
        {
            _isTraining = training;
            _module.train(training);
        }
    }

    private void CheckLength(int length)
    {
        if (length != ElementCount)
        {
            throw new ArgumentException($"The model has {ElementCount} elements, the vector {length}.");
        }
    }
}
