using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>The layers of a model with all shapes worked out, and its tensors. Pure: no tensor is made.</summary>
/// <param name="Tensors">As layers made them, by their index.</param>
internal sealed record ModelPlan(LayerRow Row, IReadOnlyList<LayerTensor> Tensors, IReadOnlyList<int> Input, ModelNeeds Needs)
{
    private const string JobFile = InputException.JobFile;

    /// <value>The tensors in the order in which torch lists them: parameters, then buffers.</value>
    public IReadOnlyList<LayerTensor> Listed { get; } = [.. Tensors.OrderBy(tensor => tensor.Spec.Kind)];

    /// <value>The fewest samples that a slot may have (an empty slot aside): 2 where a batch norm would otherwise see one value a channel.</value>
    public int MinimumSlotSamples => Row.Layers.Max(layer => layer.MinimumSlotSamples);

    /// <summary>Works out the shapes.</summary>
    /// <exception cref="InputException">A shape, a number, a last layer or a metric does not fit; all that could be found at once.</exception>
    public static ModelPlan Create(JobSpec job, ModelNeeds needs)
    {
        if (job.Loss == LossKind.Model)
        {
            throw new InputException(JobFile, 0, "Layers have no loss of their own, which 'loss: model' asks for.", "Name one of the losses, or a model of your own in 'model.name'.");
        }

        IReadOnlyList<int> input = job.Model.Input ?? needs.SampleShape;
        if (Shapes.Product(input) is var given && (given != Shapes.Product(needs.SampleShape) || given > LayerRow.MostValues))
        {
            throw new InputException(JobFile, 0, $"The model's input {Shapes.Text(input)} has {given} values, a sample {Shapes.Text(needs.SampleShape)} has {Shapes.Product(needs.SampleShape)}.", "Correct 'input', or leave it out to take the data's shape.");
        }

        var errors = new List<InputError>();
        var tensors = new List<LayerTensor>();
        IReadOnlyList<LayerSpec> specs = LayerPresets.Expand(job.Model, input, needs);
        LayerSpec last = specs[^1];
        LayerRow? row = null;
        try
        {
            row = LayerRow.OfModel(specs, input, needs, tensors);
        }
        catch (InputException exception)
        {
            errors.AddRange(exception.Errors);
        }

        if (row is not null && !row.Output.SequenceEqual(needs.OutputShape))
        {
            errors.Add(new(JobFile, last.Line, $"The model gives {Shapes.Text(row.Output)}, but the loss {JobWords.Of(job.Loss)} on this data needs {Shapes.Text(needs.OutputShape)}.", $"End with a linear layer of out: {needs.Outputs}{(needs.Positions is null ? "" : " over a sequence of as many steps as there are labels")}."));
        }

        if ((job.Loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy) && (last.Kind is LayerKind.Softmax or LayerKind.Sigmoid))
        {
            errors.Add(new(JobFile, last.Line, $"The last layer is {JobWords.Of(last.Kind)}, but the loss {JobWords.Of(job.Loss)} takes plain outputs and applies it itself.", "Remove that layer."));
        }

        // Otherwise a gradient would be asked for of nothing.
        if (row is not null && tensors.All(tensor => tensor.Spec.Kind != Core.Layout.TensorKind.Parameter))
        {
            errors.Add(new(JobFile, last.Line, "The model has no parameter to train.", "Give a layer that has some, such as linear."));
        }

        if (row is not null)
        {
            errors.AddRange(GroupNeeds.Errors(job, [.. tensors.Select(tensor => tensor.Spec)]));
        }

        errors.AddRange(LabelNeeds.MetricErrors(job, needs.Outputs, needs.Positions));
        return errors.Count == 0 ? new(row!, tensors, input, needs) : throw new InputException(errors);
    }
}
