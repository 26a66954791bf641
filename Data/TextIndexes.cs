namespace Lockstep.Data;

/// <summary>Different texts, by the order in which they came.</summary>
internal sealed class TextIndexes
{
    private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public TextIndexes() => _lookup = _indexes.GetAlternateLookup<ReadOnlySpan<char>>();

    public int Count => _indexes.Count;

    public bool TryFind(ReadOnlySpan<char> text, out int index) => _lookup.TryGetValue(text, out index);

    /// <returns>Its index.</returns>
    public int Add(string text)
    {
        _indexes.Add(text, _indexes.Count);
        return _indexes.Count - 1;
    }

    public string[] Texts() => [.. _indexes.OrderBy(i => i.Value).Select(i => i.Key)];
}
