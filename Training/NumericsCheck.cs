using Lockstep.Contracts;
using TorchSharp;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// Whether libtorch computes right on this processor: its libraries choose their code by the processor, and some of it is wrong on some. What float32 gives is compared with float64, for which other code is used.
/// Seen on AMD's family 1Ah with oneDNN 3.7.1, libtorch 2.10's: the gradient of a convolution's input is off by half, and other in each run, where channels do not fill a vector,
/// with AVX-512 and AVX2; so is the output of an LSTM without gradients with AVX-512.
/// </summary>
internal static class NumericsCheck
{
    /// <summary>Of the largest value; float32 is within 1e-5.</summary>
    private const double MostError = 1e-3;

    private static readonly Lazy<(bool HasOneDnn, string? Wrong)> Result = new(() => OwnThread.Run(Mend));

    /// <value>False: oneDNN is wrong here, and is turned off in this process.</value>
    public static bool HasOneDnn => Result.Value.HasOneDnn;

    /// <summary>Looks once in a process; where the fault is oneDNN's, goes on without it.</summary>
    /// <exception cref="InputException">It computes wrongly all the same.</exception>
    public static void Require()
    {
        if (Result.Value.Wrong is { } what)
        {
            throw new InputException(
                InputException.ProcessEnvironment,
                0,
                $"libtorch computes wrongly on this processor: {what}.",
                "Set ONEDNN_MAX_CPU_ISA=SSE41 in the environment of all workers, or take machines with another processor.");
        }
    }

    private static (bool HasOneDnn, string? Wrong) Mend()
    {
        string? wrong = Find();
        return wrong is not null && TorchContext.TurnOffOneDnn() ? (false, Find()) : (true, wrong);
    }

    private static string? Find()
    {
        foreach ((string what, Func<torch.ScalarType, Tensor> compute) in Operations)
        {
            using var scope = torch.NewDisposeScope();
            Tensor right = compute(torch.float64), found = compute(torch.float32).to(torch.float64);
            double error = ((found - right).abs().max() / right.abs().max()).item<double>();
            // Not a number fails too.
            if (!(error <= MostError))
            {
                return $"{what} is off by {error:g2} of its largest value";
            }
        }

        return null;
    }

    private static IEnumerable<(string What, Func<torch.ScalarType, Tensor> Compute)> Operations { get; } =
    [
        ("a product of matrices", type => Values(8, type, 96, 300).matmul(Values(9, type, 300, 80))),
        ("the output of an LSTM", Remember),
        // Channels that do not fill a vector register of any width, such that fill the smaller ones, and such that fill all.
        .. from channels in (int[])[3, 8, 16]
           from part in (string[])["output", "gradient of the input", "gradient of the weights"]
           select ($"the {part} of a convolution of {channels} channels", (Func<torch.ScalarType, Tensor>)(type => Convolve(type, channels, part))),
    ];

    private static Tensor Convolve(torch.ScalarType type, int channels, string part)
    {
        Tensor input = Values(1, type, 3, channels, 8, 8).requires_grad_(), weights = Values(2, type, channels + 1, channels, 3, 3).requires_grad_();
        Tensor output = F.conv2d(input, weights, padding: [1, 1]);
        output.pow(2).sum().backward();
        return part switch { "output" => output.detach(), "gradient of the input" => input.grad!, _ => weights.grad! };
    }

    private static Tensor Remember(torch.ScalarType type)
    {
        using var gradients = torch.no_grad();
        using var lstm = LSTM(3, 4, batchFirst: true, dtype: type);
        uint seed = 3;
        foreach (var parameter in lstm.parameters())
        {
            parameter.copy_(Values(seed++, type, parameter.shape) * 4);
        }

        lstm.eval();
        return lstm.call(Values(1, type, 3, 5, 3) * 8).Item1;
    }

    private static Tensor Values(uint seed, torch.ScalarType type, params long[] shape) => NumericsProbe.Values(seed, shape).to(type);
}
