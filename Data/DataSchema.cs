namespace Lockstep.Data;

/// <summary>What data that come later, for validation or evaluation, must share with the training data.</summary>
/// <param name="Features">Names, by feature; empty for images.</param>
/// <param name="Categories">Texts of each column of categories, in ordinal order, by the column's name.</param>
internal sealed record DataSchema(string[] Features, IReadOnlyDictionary<string, string[]> Categories);
