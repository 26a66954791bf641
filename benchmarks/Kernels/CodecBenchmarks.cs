using BenchmarkDotNet.Attributes;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;

namespace Lockstep.Kernels;

/// <summary>The loops of <see cref="StepKernels"/> alone, block by block over 64 MB, beside a copy of as many bytes.</summary>
public class CodecBenchmarks
{
    private const int Elements = 1 << 24;
    private const int Slots = 2;
    private const short Exponent = -8;

    private readonly float[] _gradient = new float[Elements];
    private readonly float[] _decoded = new float[Elements];
    private readonly int[] _sum = new int[Elements];
    private readonly SlotHash _hash = new(1);

    public CodecBenchmarks()
    {
        var random = new Random(1);
        for (int i = 0; i < Elements; i++)
        {
            _gradient[i] = (random.NextSingle() - 0.5f) * 1e-3f;
        }
    }

    [Benchmark(Baseline = true)]
    public void Copy() => _gradient.CopyTo(_decoded, 0);

    [Benchmark]
    public int Magnitude()
    {
        int most = 0;
        for (int at = 0; at < Elements; at += ModelLayout.BlockElements)
        {
            most = Math.Max(most, BlockCodec.Magnitude(_gradient.AsSpan(at, ModelLayout.BlockElements)));
        }

        return most;
    }

    [Benchmark]
    public ulong Encode() => Encode(adds: false);

    [Benchmark]
    public ulong EncodeAndAdd() => Encode(adds: true);

    [Benchmark]
    public ulong Hash()
    {
        ulong hash = 0;
        for (int at = 0; at < Elements; at += ModelLayout.BlockElements)
        {
            hash += SlotHash.Of(_sum.AsSpan(at, ModelLayout.BlockElements), _hash.Key(at / ModelLayout.BlockElements, Exponent), out _, out _);
        }

        return hash;
    }

    [Benchmark]
    public void Decode()
    {
        for (int at = 0; at < Elements; at += ModelLayout.BlockElements)
        {
            BlockCodec.Decode(_sum.AsSpan(at, ModelLayout.BlockElements), Exponent, Slots, _decoded.AsSpan(at, ModelLayout.BlockElements));
        }
    }

    private ulong Encode(bool adds)
    {
        ulong hash = 0;
        for (int at = 0; at < Elements; at += ModelLayout.BlockElements)
        {
            hash += BlockCodec.Encode(_gradient.AsSpan(at, ModelLayout.BlockElements), Exponent, Slots, _hash.Key(at / ModelLayout.BlockElements, Exponent), _sum.AsSpan(at, ModelLayout.BlockElements), adds);
        }

        return hash;
    }
}
