using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// A fixed calculation on the processor, of the kinds that training is made of, and what its bits are here: libtorch and its libraries choose their code by the processor and by variables
/// such as <c>ATEN_CPU_CAPABILITY</c>, and say of that nothing which could be asked for.
/// </summary>
internal static class NumericsProbe
{
    private static readonly Lazy<string> Result = new(() => OwnThread.Run(Run));

    /// <value>8 hexadecimal digits; equal where libtorch gives the same bits.</value>
    public static string Digest => Result.Value;

    private static string Run()
    {
        _ = NumericsCheck.HasOneDnn;
        using var scope = torch.NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Tensor images = Values(1, 6, 3, 14, 14);
        Tensor[] parameters = [Parameter(2, 8, 3, 3, 3), Parameter(3, 8), Parameter(4, 96, 8 * 7 * 7), Parameter(5, 96), Parameter(6, 10, 96), Parameter(7, 10)];
        Tensor x = F.conv2d(images, parameters[0], parameters[1], strides: [1, 1], padding: [1, 1]);
        x = (x - x.mean([0, 2, 3], keepdim: true)) / (x.var([0, 2, 3], unbiased: false, keepdim: true) + 1e-5).sqrt();
        x = F.max_pool2d(F.relu(x), 2);
        x = F.linear(x.flatten(1), parameters[2], parameters[3]);
        x = F.linear(F.gelu(x.tanh()) + x.sigmoid(), parameters[4], parameters[5]);
        Tensor loss = F.cross_entropy(x, torch.arange(6, dtype: torch.int64));
        loss.backward();
        Add(hash, loss, [.. parameters.Select(p => p.grad!)]);
        Tensor large = Values(8, 96, 300).matmul(Values(9, 300, 80));
        Add(hash, large, large.exp(), large.log_softmax(1), large.sum(), large.pow(2).mean());
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 4));
    }

    private static Tensor Parameter(uint seed, params long[] shape) => Values(seed, shape).requires_grad_();

    /// <summary>Numbers between −1/8 and 1/8 that are the same everywhere.</summary>
    internal static Tensor Values(uint seed, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (all, size) => all * size)];
        uint state = seed * 2_654_435_761u;
        for (int i = 0; i < values.Length; i++)
        {
            state = (state * 1_664_525u) + 1_013_904_223u;
            values[i] = ((int)(state >> 8) - (1 << 23)) / (float)(1 << 26);
        }

        return torch.tensor(values, shape);
    }

    private static void Add(IncrementalHash hash, Tensor first, params Tensor[] others)
    {
        foreach (Tensor tensor in (Tensor[])[first, .. others])
        {
            using Tensor host = tensor.detach().cpu().contiguous();
            hash.AppendData(MemoryMarshal.AsBytes(host.data<float>().ToArray().AsSpan()));
        }
    }
}
