using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;

namespace Lockstep.Training;

/// <summary>The layers of a model with all shapes worked out, and its tensors. Pure: no tensor is made.</summary>
internal sealed record ModelPlan(IReadOnlyList<Layer> Layers, IReadOnlyList<TensorSpec> Tensors, IReadOnlyList<int> Input, int Outputs)
{
    public const string JobFile = InputException.JobFile;

    /// <summary>Of one sample, between two layers: half a gigabyte.</summary>
    private const int MostValues = 1 << 27;

    /// <summary>Far beyond what can be, and sums of it can be counted.</summary>
    private const long MostCounted = 1L << 50;

    /// <summary>What a layout can hold.</summary>
    private const int MostElements = int.MaxValue - ModelLayout.ChunkElements;

    /// <value>The fewest samples that a slot may have (an empty slot aside): 2 where a batch norm would otherwise see one value a channel.</value>
    public int MinimumSlotSamples => Layers.Any(l => l.Kind == LayerKind.BatchNorm && (l.Input.Count == 1 || l.Input[1] * l.Input[2] == 1)) ? 2 : 1;

    /// <summary>Works out the shapes.</summary>
    /// <exception cref="InputException">A shape, a number, a last layer or a metric does not fit; all that could be found at once.</exception>
    public static ModelPlan Create(JobSpec job, IReadOnlyList<int> sampleShape, int outputs)
    {
        var input = job.Model.Input ?? sampleShape;
        if (Product(input) is var given && (given != Product(sampleShape) || given > MostValues))
        {
            throw new InputException(JobFile, 0, $"The model's input {Text(input)} has {given} values, a sample {Text(sampleShape)} has {Product(sampleShape)}.", "Correct 'input', or leave it out to take the data's shape.");
        }

        var errors = new List<InputError>();
        var layers = new List<Layer>();
        var tensors = new List<TensorSpec>();
        var specs = LayerPresets.Expand(job.Model, input, outputs);
        var shape = input;
        for (var i = 0; i < specs.Count; i++)
        {
            var first = tensors.Count;
            try
            {
                var layer = Place(specs[i], i, i == specs.Count - 1, shape, outputs, tensors);
                Require(Product(layer.Output) <= MostValues, layer, $"gives {Text(layer.Output)}, more than the {MostValues} values of one sample that are computed", "Make its window's stride larger, or its outputs fewer.");
                Require(tensors.Sum(t => Product(t.Shape)) <= MostElements, layer, $"brings the model to {tensors.Sum(t => Product(t.Shape))} parameters, of which there may be {MostElements}", "Make it smaller.");
                layers.Add(layer with { FirstTensor = tensors.Count > first ? first : -1 });
                shape = layer.Output;
            }
            catch (InputException error)
            {
                // The shape after a layer that does not fit is unknown, so what follows cannot be judged.
                errors.AddRange(error.Errors);
                break;
            }
        }

        if (errors.Count == 0 && (shape.Count != 1 || shape[0] != outputs))
        {
            errors.Add(new(JobFile, specs[^1].Line, $"The model gives {Text(shape)}, but the loss {JobWords.Of(job.Loss)} on this data needs [{outputs}].", $"End with a linear layer of out: {outputs}."));
        }

        var last = specs[^1];
        if ((job.Loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy) && (last.Kind is LayerKind.Softmax or LayerKind.Sigmoid))
        {
            errors.Add(new(JobFile, last.Line, $"The last layer is {JobWords.Of(last.Kind)}, but the loss {JobWords.Of(job.Loss)} takes plain outputs and applies it itself.", "Remove that layer."));
        }

        errors.AddRange(MetricErrors(job, outputs));
        return errors.Count == 0 ? new(layers, tensors, input, outputs) : throw new InputException(errors);
    }

    private static IEnumerable<InputError> MetricErrors(JobSpec job, int outputs)
    {
        foreach (var metric in job.Metrics)
        {
            var classes = job.Loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy;
            var fits = metric switch
            {
                MetricKind.Accuracy or MetricKind.F1 or MetricKind.Precision or MetricKind.Recall => classes,
                MetricKind.Confusion => classes && outputs <= ClassTally.LargestMatrix,
                MetricKind.R2 or MetricKind.Mape => !classes,
                MetricKind.Auc => job.Loss == LossKind.BinaryCrossEntropy || (job.Loss == LossKind.CrossEntropy && outputs == 2),
                _ => job.Loss != LossKind.CrossEntropy,
            };
            if (!fits)
            {
                yield return new(JobFile, 0, $"The metric {JobWords.Of(metric)} cannot be had with the loss {JobWords.Of(job.Loss)} and {outputs} outputs.", $"accuracy, f1, precision and recall need classes, confusion at most {ClassTally.LargestMatrix} of them, auc two, mae, rmse, r2 and mape numbers.");
            }
        }
    }

    private static Layer Place(LayerSpec spec, int index, bool isLast, IReadOnlyList<int> input, int outputs, List<TensorSpec> tensors)
    {
        var layer = new Layer(
            index, spec.Kind, spec.Line, input, input, -1,
            spec.Kernel ?? (spec.Kind == LayerKind.Conv2d ? 3 : 2), 1, spec.Padding ?? 0, spec.P ?? 0.5, spec.Epsilon ?? 1e-5, spec.Momentum ?? 0.1, spec.Bias ?? true);
        layer = layer with { Stride = spec.Stride ?? (spec.Kind == LayerKind.Conv2d ? 1 : layer.Kernel) };
        void Add(string name, params int[] shape) => tensors.Add(new($"{index}.{name}", TensorKind.Parameter, shape));
        void AddBuffer(string name, params int[] shape) => tensors.Add(new($"{index}.{name}", TensorKind.Buffer, shape));

        switch (spec.Kind)
        {
            case LayerKind.Linear:
            {
                Require(input.Count == 1, layer, "needs a flat input", "Put a flatten layer before it.");
                var width = spec.Out ?? (isLast ? outputs : 0);
                Require(width > 0, layer, "has no number of outputs", "Give 'out', at least 1.");
                Add("weight", width, input[0]);
                if (layer.Bias)
                {
                    Add("bias", width);
                }

                return layer with { Output = [width] };
            }

            case LayerKind.Conv2d:
                RequireImage(layer);
                // Rows of zeros alone, and a few bytes of layers that take gigabytes.
                Require(layer.Padding < layer.Kernel, layer, $"has a padding of {layer.Padding}, with which its window of {layer.Kernel} lies beside the input", "Make 'padding' smaller than 'kernel'.");
                Require(spec.Out > 0, layer, "has no number of output channels", "Give 'out', at least 1.");
                Add("weight", spec.Out!.Value, input[0], layer.Kernel, layer.Kernel);
                if (layer.Bias)
                {
                    Add("bias", spec.Out.Value);
                }

                return layer with { Output = [spec.Out.Value, Window(layer, input[1]), Window(layer, input[2])] };

            case LayerKind.MaxPool2d or LayerKind.AvgPool2d:
                RequireImage(layer);
                Require(2 * layer.Padding <= layer.Kernel, layer, "has a padding of more than half its window", "Make 'padding' smaller.");
                return layer with { Output = [input[0], Window(layer, input[1]), Window(layer, input[2])] };

            case LayerKind.BatchNorm:
                Require(input.Count is 1 or 3, layer, "needs one feature or channel dimension", "Use it on [features] or [channels, height, width].");
                Require(layer.Momentum is > 0 and <= 1, layer, "has a momentum out of range", "Choose it in (0, 1].");
                Require(layer.Epsilon > 0, layer, "has an epsilon that is not positive", "Leave it out for 1e-5.");
                Add("weight", input[0]);
                Add("bias", input[0]);
                AddBuffer("running_mean", input[0]);
                AddBuffer("running_var", input[0]);
                return layer;

            case LayerKind.LayerNorm:
                Require(layer.Epsilon > 0, layer, "has an epsilon that is not positive", "Leave it out for 1e-5.");
                Add("weight", [.. input]);
                Add("bias", [.. input]);
                return layer;

            case LayerKind.Dropout:
                Require(layer.P is >= 0 and < 1, layer, "has a probability out of range", "Choose 'p' in [0, 1).");
                return layer;

            case LayerKind.Flatten:
                return layer with { Output = [(int)Product(input)] };

            case LayerKind.Relu or LayerKind.Gelu or LayerKind.Tanh or LayerKind.Sigmoid:
                return layer;

            case LayerKind.Softmax:
                Require(input.Count == 1, layer, "needs a flat input", "Put a flatten layer before it.");
                return layer;

            default:
                throw new InputException(JobFile, spec.Line, $"There is no layer kind {(int)spec.Kind}.", "Use one of the kinds of docs/job-file.md.");
        }
    }

    private static void RequireImage(Layer layer)
    {
        Require(layer.Input.Count == 3, layer, "needs [channels, height, width]", "Give the model's 'input' that shape, and put flatten after it.");
        Require(layer.Kernel > 0 && layer.Stride > 0 && layer.Padding >= 0, layer, "has a window, stride or padding out of range", "Use kernel ≥ 1, stride ≥ 1, padding ≥ 0.");
    }

    private static int Window(Layer layer, int size)
    {
        var room = size + (2 * layer.Padding) - layer.Kernel;
        Require(room >= 0, layer, $"has a window of {layer.Kernel}, larger than its input of {size} with padding {layer.Padding}", "Make 'kernel' smaller or pool less before it.");
        return (room / layer.Stride) + 1;
    }

    private static void Require(bool condition, Layer layer, string problem, string remedy)
    {
        if (!condition)
        {
            throw new InputException(JobFile, layer.Line, $"Layer {layer.Index + 1} ({JobWords.Of(layer.Kind)}) {problem}; its input is {Text(layer.Input)}.", remedy);
        }
    }

    /// <summary>Elements of a shape; where they are more than can be counted, only that they are far too many.</summary>
    private static long Product(IReadOnlyList<int> shape) => (long)shape.Aggregate((Int128)1, (product, size) => Int128.Min(product * size, MostCounted));
    private static string Text(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";
}
