using Lockstep.Abstractions;

namespace Lockstep.Training.Tests.Layers;

/// <summary>Sequences of whole numbers drawn from a seed, with a class for each, or one for the whole.</summary>
internal sealed class TokenSource(int count, int length, int words, int classes, bool isEach) : IDataSource
{
    public long Count => count;

    public IReadOnlyList<DataField> Fields { get; } =
    [
        DataField.Indexes("tokens", length) with { Classes = words },
        new DataField("next", isEach ? [length] : [], FieldType.Int64) { IsLabel = true, Classes = classes },
    ];

    public void Read(long index, Sample sample)
    {
        var random = new Random((int)index + 1);
        foreach (ref long word in sample.Integers("tokens"))
        {
            word = random.Next(words);
        }

        foreach (ref long label in sample.Integers("next"))
        {
            label = random.Next(classes);
        }
    }

    public void Dispose()
    {
    }
}
