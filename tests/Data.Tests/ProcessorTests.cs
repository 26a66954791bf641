namespace Lockstep.Data.Tests;

/// <summary>Reading and preparing rows, on processors that have narrower vectors.</summary>
public sealed class ProcessorTests
{
    [Theory]
    [InlineData(256)]
    [InlineData(128)]
    public Task Narrower_vectors_give_the_same_bits(int bits) => NarrowProcessor.RunAsync(bits, typeof(PreparedRowsTests).FullName!, typeof(CsvTextTests).FullName!);
}
