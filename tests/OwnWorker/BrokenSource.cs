using Lockstep.Abstractions;

namespace OwnModel.Worker;

/// <summary>Points of two classes, of which one cannot be read.</summary>
public sealed class BrokenSource(DataContext context) : IDataSource
{
    private readonly int _broken = context.Options.Whole("broken");

    public long Count => 240;

    public IReadOnlyList<DataField> Fields { get; } = [DataField.Input("point", 2), DataField.Class("side", 2)];

    public void Read(long index, Sample sample)
    {
        if (index == _broken)
        {
            throw new InvalidDataException($"point {index} is lost.");
        }

        sample.Floats("point")[0] = index;
        sample.Floats("point")[1] = index % 7;
        sample.Set("side", index % 2);
    }

    public void Dispose()
    {
    }
}
