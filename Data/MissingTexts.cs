namespace Lockstep.Data;

/// <summary>Texts that mean: no value. An empty field always does.</summary>
internal sealed class MissingTexts
{
    private static readonly string[] Usual = ["?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

    private readonly string[] _texts;

    /// <summary>Whether a text that means nothing begins with a character: most fields are told from them by their first one.</summary>
    private readonly bool[] _beginnings = new bool[128];

    /// <param name="texts">Null: the usual ones.</param>
    public MissingTexts(IEnumerable<string>? texts)
    {
        _texts = [.. (texts ?? Usual).Where(t => t.Length > 0)];
        foreach (string text in _texts)
        {
            _beginnings[text[0] < _beginnings.Length ? text[0] : 0] = true;
        }
    }

    public bool Contains(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return true;
        }

        if (!_beginnings[text[0] < _beginnings.Length ? text[0] : 0])
        {
            return false;
        }

        foreach (string missing in _texts)
        {
            if (text.SequenceEqual(missing))
            {
                return true;
            }
        }

        return false;
    }
}
