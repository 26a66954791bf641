using BenchmarkDotNet.Attributes;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;

namespace Lockstep.Kernels;

/// <summary>The loops of contributions in 16 bits and of pulls as bfloat16, over as many numbers as <see cref="CodecBenchmarks"/> has, beside a copy of 64 MB.</summary>
public class NarrowBenchmarks
{
    private const int Elements = 1 << 24;
    private const int Width = 15;
    private const short Exponent = -9;

    private readonly float[] _gradient = new float[Elements];
    private readonly float[] _values = new float[Elements];
    private readonly int[] _sum = new int[Elements];
    private readonly byte[] _packed = new byte[Elements / IntegerPacking.Piece * IntegerPacking.BytesOf(IntegerPacking.Piece, Width)];
    private readonly byte[] _halves = new byte[2 * Elements];
    private readonly SlotHash _hash = new(1);

    public NarrowBenchmarks()
    {
        var random = new Random(1);
        for (int i = 0; i < Elements; i++)
        {
            _gradient[i] = (random.NextSingle() - 0.5f) * 1e-3f;
        }

        Encode();
        Pack();
    }

    [Benchmark(Baseline = true)]
    public void Copy() => _gradient.CopyTo(_values, 0);

    [Benchmark]
    public ulong Encode()
    {
        ulong hash = 0;
        for (int at = 0; at < Elements; at += ModelLayout.BlockElements)
        {
            int block = at / ModelLayout.BlockElements;
            hash += NarrowCodec.Encode(_gradient.AsSpan(at, ModelLayout.BlockElements), Exponent, RoundingNoise.Of(1, block), _hash.Key(block, Exponent), _sum.AsSpan(at, ModelLayout.BlockElements), adds: false);
        }

        return hash;
    }

    [Benchmark]
    public int Measure()
    {
        int most = 0;
        for (int at = 0; at < Elements; at += IntegerPacking.Piece)
        {
            most = Math.Max(most, IntegerPacking.WidthOf(_sum.AsSpan(at, IntegerPacking.Piece)));
        }

        return most;
    }

    [Benchmark]
    public void Pack()
    {
        int length = IntegerPacking.BytesOf(IntegerPacking.Piece, Width);
        for (int piece = 0; piece < Elements / IntegerPacking.Piece; piece++)
        {
            IntegerPacking.Pack(_sum.AsSpan(piece * IntegerPacking.Piece, IntegerPacking.Piece), Width, _packed.AsSpan(piece * length, length));
        }
    }

    [Benchmark]
    public void Unpack()
    {
        int length = IntegerPacking.BytesOf(IntegerPacking.Piece, Width);
        for (int piece = 0; piece < Elements / IntegerPacking.Piece; piece++)
        {
            IntegerPacking.Unpack(_packed.AsSpan(piece * length, length), Width, _sum.AsSpan(piece * IntegerPacking.Piece, IntegerPacking.Piece));
        }
    }

    [Benchmark]
    public void Narrow() => BFloat16.Narrow(_gradient, _halves);

    [Benchmark]
    public void Widen() => BFloat16.Widen(_halves, _values);
}
