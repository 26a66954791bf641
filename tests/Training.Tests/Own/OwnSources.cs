using Lockstep.Abstractions;

namespace Lockstep.Training.Tests.Own;

/// <summary>Rows of floats and a class, made of the index.</summary>
internal sealed class MadeSource(DataContext context) : IDataSource
{
    private readonly int _classes = context.Options.Whole("classes", 3);
    private readonly string _fault = context.Options.Text("fault", "");

    public long Count { get; } = context.Options.Whole("count", 40) - (context.IsValidation ? 35 : 0);

    public IReadOnlyList<DataField> Fields { get; } = [DataField.Input("x", 4), DataField.Class("y", context.Options.Whole("classes", 3))];

    public void Read(long index, Sample sample)
    {
        Span<float> x = sample.Floats("x");
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = MathF.Sin((index * 4) + i);
        }

        sample.Set("y", index % _classes);
        switch (_fault)
        {
            case "nan":
                x[2] = float.NaN;
                break;
            case "class":
                sample.Set("y", _classes);
                break;
            case "throw":
                throw new InvalidDataException($"no sample {index}");
        }
    }

    public void Dispose()
    {
    }
}

/// <summary>Indexes, floats and a target of several numbers.</summary>
internal sealed class PairSource : IDataSource
{
    public long Count => 24;

    public IReadOnlyList<DataField> Fields { get; } = [DataField.Indexes("word", 2), DataField.Input("numbers", 3), DataField.Label("target", 3)];

    public void Read(long index, Sample sample)
    {
        sample.Integers("word")[0] = index % 5;
        sample.Integers("word")[1] = (index + 2) % 5;
        for (int i = 0; i < 3; i++)
        {
            sample.Floats("numbers")[i] = MathF.Cos(index + i);
            sample.Floats("target")[i] = MathF.Sin(index - i);
        }
    }

    public void Dispose()
    {
    }
}
