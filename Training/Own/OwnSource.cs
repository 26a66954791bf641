using System.Numerics.Tensors;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>A data source of the worker program's own: its calls are guarded, and what it gives is looked at.</summary>
internal sealed class OwnSource : IDataSource
{
    private const int LongestSample = 1 << 27;

    private readonly string _name;
    private readonly IDataSource _inner;

    private OwnSource(string name, IDataSource inner)
    {
        (_name, _inner) = (name, inner);
        Count = UserCode.Run(() => inner.Count, $"The count of the data source '{name}'");
        Fields = [.. UserCode.Run(() => inner.Fields, $"The fields of the data source '{name}'")];
    }

    public long Count { get; }

    public IReadOnlyList<DataField> Fields { get; }

    /// <exception cref="InputException">The program has no such source, its code failed, or its fields cannot be.</exception>
    public static OwnSource Open(DataSpec data, ComponentCatalog catalog, IReadOnlyList<string> files, bool isValidation)
    {
        string name = data.Source!;
        InputError[] missing = [.. files.Where(file => !File.Exists(file)).Select(file => new InputError(file, 0, "There is no such file.", "Correct the path."))];
        if (missing.Length > 0)
        {
            throw new InputException(missing);
        }

        var options = new ComponentOptions(data.Options ?? new Dictionary<string, string>());
        IDataSource inner = catalog.MakeDataSource(name, new DataContext(files, isValidation, options));
        try
        {
            OptionErrors.Check(options, $"The data source '{name}'", "data.options");
            var source = new OwnSource(name, inner);
            source.Check();
            return source;
        }
        catch
        {
            inner.Dispose();
            throw;
        }
    }

    public void Read(long index, Sample sample)
    {
        try
        {
            _inner.Read(index, sample);
        }
        catch (Exception exception) when (UserCode.IsTheirs(exception))
        {
            throw UserCode.Failure(exception, $"Reading sample {index} of the data source '{_name}'");
        }

        for (int i = 0; i < Fields.Count; i++)
        {
            DataField field = Fields[i];
            if (field.Type == FieldType.Float32 && !TensorPrimitives.IsFiniteAll<float>(sample.Floats(i)))
            {
                throw Bad(index, field, $"has {sample.Floats(i).ToArray().First(value => !float.IsFinite(value))}", "Give finite numbers.");
            }

            if (field.Classes is { } classes && ClassBeyond(field.Type == FieldType.Int64 ? sample.Integers(i) : [], field.Type == FieldType.Float32 ? sample.Floats(i) : [], classes) is { } beyond)
            {
                throw Bad(index, field, $"is the class {beyond}", $"Give a class's index: 0 … {classes - 1}.");
            }
        }
    }

    public void Dispose() => _inner.Dispose();

    private static double? ClassBeyond(ReadOnlySpan<long> integers, ReadOnlySpan<float> floats, int classes)
    {
        foreach (long value in integers)
        {
            if (value < 0 || value >= classes)
            {
                return value;
            }
        }

        foreach (float value in floats)
        {
            if (value < 0 || value >= classes || value != MathF.Floor(value))
            {
                return value;
            }
        }

        return null;
    }

    private void Check()
    {
        string? problem = Count < 1 ? $"has {Amount.Of(Count, "sample")}"
            : Fields.All(field => field.IsLabel) ? "has no input"
            : Fields.Select(field => field.Name).Distinct(StringComparer.Ordinal).Count() < Fields.Count ? "has two fields of one name"
            : Fields.FirstOrDefault(field => field.Shape.Any(size => size < 1) || field.Length > LongestSample) is { } odd ? $"has a field {odd.Name} of [{string.Join(", ", odd.Shape)}]"
            : Fields.FirstOrDefault(field => field.Classes is < 1 || (field is { Classes: not null, IsLabel: true, Shape.Count: > 1 } && field.Length != 1)) is { } none ? $"has a field {none.Name} of {none.Classes} classes and [{string.Join(", ", none.Shape)}]"
            : null;
        if (problem is not null)
        {
            throw new InputException(InputException.JobFile, 0, $"The data source '{_name}' {problem}.", "Give at least one sample, an input, names of their own, and shapes of positive sizes; a label of classes is one number, or one a position of a sequence.");
        }
    }

    private InputException Bad(long index, DataField field, string problem, string remedy) =>
        new(InputException.JobFile, 0, $"Sample {index} of the data source '{_name}': the {(field.IsLabel ? "label" : "input")} {field.Name} {problem}.", remedy);
}
