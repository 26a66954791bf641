namespace Lockstep.Data;

/// <summary>Cuts a text into tokens, piece by piece.</summary>
internal interface ITokenReader
{
    /// <param name="text">At a piece.</param>
    /// <param name="tokens">The piece's tokens are added.</param>
    /// <exception cref="Contracts.InputException">The tokenizer cannot do with the piece.</exception>
    void Read(TextPieces text, List<int> tokens);

    /// <summary>What was read.</summary>
    /// <returns>The column of tokens, and how many different ones there are: all are below.</returns>
    /// <exception cref="Contracts.InputException">There were characters that the training text does not have.</exception>
    (RowColumn Column, int Vocabulary) Finish();
}
