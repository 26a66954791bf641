using System.Globalization;
using System.Text;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>Each character is a token. Which there are the training text says.</summary>
/// <param name="known">Of the training text; null: this is it.</param>
/// <param name="ignores">Whether characters that are not known are left out.</param>
internal sealed class CharacterReader(string[]? known, bool ignores) : ITokenReader
{
    public const string Column = "character";

    private readonly Dictionary<Rune, int> _indexes = (known ?? []).Index().ToDictionary(text => Rune.GetRuneAt(text.Item, 0), text => text.Index);
    private InputError? _first;
    private long _more;

    public void Read(TextPieces text, List<int> tokens)
    {
        int line = text.Line;
        foreach (Rune rune in text.Piece.EnumerateRunes())
        {
            if (!_indexes.TryGetValue(rune, out int index))
            {
                if (known is not null)
                {
                    Note(text.Path, line, rune);
                    continue;
                }

                index = _indexes.Count;
                _indexes.Add(rune, index);
            }

            tokens.Add(index);
            line += rune.Value == '\n' ? 1 : 0;
        }
    }

    public (RowColumn Column, int Vocabulary) Finish()
    {
        if (_first is { } first)
        {
            throw new InputException([_more == 0 ? first : first with { Message = $"{first.Message} {Amount.Of(_more, "more character")} {(_more == 1 ? "is" : "are")} as unknown." }]);
        }

        string[] texts = [.. _indexes.OrderBy(pair => pair.Value).Select(pair => pair.Key.ToString())];
        return (new RowColumn(Column, texts, null, null, false, null), texts.Length);
    }

    private void Note(string path, int line, Rune rune)
    {
        if (ignores)
        {
            return;
        }

        _more += _first is null ? 0 : 1;
        string shown = Rune.IsControl(rune) ? "" : $" '{rune}'";
        _first ??= new InputError(path, line, string.Create(CultureInfo.InvariantCulture, $"The character{shown} U+{rune.Value:X4} does not occur in the training text."), "Add a text with it to 'train', or set 'unknown: ignore', which leaves it out.");
    }
}
