using Lockstep.Contracts.Jobs;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Batch normalisation of features, of channels, or of a sequence's width.</summary>
internal sealed class BatchNormLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor _bias;
    private readonly LayerTensor _mean;
    private readonly LayerTensor _variance;
    private readonly double _momentum;
    private readonly double _epsilon;

    public BatchNormLayer(LayerPlace place) : base(place)
    {
        (_momentum, _epsilon) = (place.Spec.Momentum ?? 0.1, place.Spec.Epsilon ?? 1e-5);
        if (Kind == LayerKind.BatchNorm)
        {
            place.Require(Input.Count is 1 or 3, "needs one feature or channel dimension", "Use it on [features] or [channels, height, width], and batch-norm1d on a sequence.");
        }
        else
        {
            place.Require(Input.Count is 1 or 2, "needs features or a sequence", "Use batch-norm on [channels, height, width].");
        }

        place.Require(_momentum is > 0 and <= 1, "has a momentum out of range", "Choose it in (0, 1].");
        place.Require(_epsilon > 0, "has an epsilon that is not positive", "Leave it out for 1e-5.");
        int channels = Input.Count == 2 ? Input[1] : Input[0];
        _weight = place.Parameter("weight", InitialValues.Ones, channels);
        _bias = place.Parameter("bias", InitialValues.Zeros, channels);
        _mean = place.Buffer("running_mean", InitialValues.Zeros, channels);
        _variance = place.Buffer("running_var", InitialValues.Ones, channels);
    }

    /// <value>2 where a single sample would have one value a channel.</value>
    public override int MinimumSlotSamples => Shapes.Product(Input) == (Input.Count == 2 ? Input[1] : Input[0]) ? 2 : 1;

    public override Tensor Forward(LayerCall call, Tensor x) => Input.Count == 2 ? Normalize(call, x.transpose(1, 2)).transpose(1, 2) : Normalize(call, x);

    private Tensor Normalize(LayerCall call, Tensor x) => F.batch_norm(x, call[_mean], call[_variance], call[_weight], call[_bias], call.IsTraining, _momentum, _epsilon);

    public override string Export(OnnxGraph graph, string x)
    {
        bool isSequence = Input.Count == 2;
        string[] inputs = [isSequence ? graph.Transpose(x, 0, 2, 1) : x, graph.Tensor(_weight), graph.Tensor(_bias), graph.Tensor(_mean), graph.Tensor(_variance)];
        string normal = graph.Add("BatchNormalization", inputs, new OnnxAttribute("epsilon", (float)_epsilon));
        return isSequence ? graph.Transpose(normal, 0, 2, 1) : normal;
    }
}
