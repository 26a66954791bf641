using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

/// <summary>A copy past the caches is a copy, wherever it begins and ends.</summary>
public sealed class StreamingCopyTests
{
    [Fact]
    public void It_copies_what_it_shall_and_nothing_beside() =>
        Gen.Select(Floats.AnyBits.Array[0, 300], Gen.Int[0, 40], Gen.Int[0, 40]).Sample((values, from, to) =>
        {
            var source = new float[from + values.Length];
            values.CopyTo(source, from);
            var target = new float[to + values.Length + 40];
            Array.Fill(target, 7);
            StreamingCopy.Copy<float>(source.AsSpan(from), target.AsSpan(to, values.Length));
            StreamingCopy.Finish();
            float[] expected = [.. Enumerable.Repeat(7f, to), .. values, .. Enumerable.Repeat(7f, 40)];
            Assert.Equal(Floats.Bits(expected), Floats.Bits(target));
        });
}
