using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>Tokens of a tokenizer that was trained before.</summary>
/// <param name="file">Of the tokenizer, for messages.</param>
/// <param name="vocabulary">All tokens are below.</param>
/// <param name="encode">Gives a piece's tokens.</param>
internal sealed class TokenizerReader(string file, int vocabulary, Func<string, IReadOnlyList<int>> encode) : ITokenReader
{
    public void Read(TextPieces text, List<int> tokens)
    {
        int before = tokens.Count;
        tokens.AddRange(encode(text.Piece.ToString()));
        for (int i = before; i < tokens.Count; i++)
        {
            if (tokens[i] < 0 || tokens[i] >= vocabulary)
            {
                throw new InputException(file, 0, $"The tokenizer has a token {tokens[i]} for the text from {text.Path}:{text.Line} on, and {Amount.Of(vocabulary, "word")} in its vocabulary.", "Use the files of one tokenizer.");
            }
        }
    }

    public (RowColumn Column, int Vocabulary) Finish() => (new RowColumn("token", null, null, null, false, null), vocabulary);
}
