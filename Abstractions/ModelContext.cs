namespace Lockstep.Abstractions;

/// <summary>What a module's constructor is told.</summary>
/// <param name="Fields">Of the data, inputs and labels.</param>
/// <param name="Outputs">Outputs that the job's loss needs for one sample: classes, columns of numbers, or 1; null with <c>loss: model</c>.</param>
/// <param name="Options">Of the job file, <c>model.options</c>.</param>
public sealed record ModelContext(IReadOnlyList<DataField> Fields, int? Outputs, ComponentOptions Options)
{
    /// <value>The fields that are no labels.</value>
    public IReadOnlyList<DataField> Inputs => [.. Fields.Where(one => !one.IsLabel)];
}

/// <summary>What a data source's constructor is told.</summary>
/// <param name="Files">Of the job file, <c>data.train</c> or <c>data.validation</c>, in full; empty where it names none.</param>
/// <param name="IsValidation">Whether <paramref name="Files"/> are those of <c>data.validation</c>.</param>
/// <param name="Options">Of the job file, <c>data.options</c>.</param>
public sealed record DataContext(IReadOnlyList<string> Files, bool IsValidation, ComponentOptions Options);
