using Lockstep.Core.Tests.Hashing;
using Lockstep.Core.Tests.Optimizers;

namespace Lockstep.Core.Tests.Codec;

/// <summary>Every loop over vectors of the core, on processors that have narrower ones.</summary>
public sealed class ProcessorTests
{
    [Theory]
    [InlineData(256)]
    [InlineData(128)]
    public Task Narrower_vectors_give_the_same_bits(int bits) => NarrowProcessor.RunAsync(bits, [.. new[]
    {
        typeof(BlockCodecTests), typeof(BlockSumsTests), typeof(NarrowCodecTests), typeof(IntegerPackingTests), typeof(BFloat16Tests),
        typeof(SlotHashTests), typeof(StateHashTests), typeof(GradientNormTests), typeof(OptimizerTests),
    }.Select(type => type.FullName!)]);
}
