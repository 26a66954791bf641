namespace Lockstep.Contracts.Jobs;

/// <summary>How texts become samples: a sample is <see cref="Length"/> tokens, and its label the tokens that follow each.</summary>
public sealed record TextSpec
{
    /// <value>Tokens of a sample, 1 … 65536.</value>
    public required int Length { get; init; }
    /// <value>Tokens from the beginning of a sample to that of the next; null: Length, so that samples follow each other.</value>
    public int? Stride { get; init; }
    /// <value>What cuts the text into tokens. Default: its characters.</value>
    public TokenizerKind Tokenizer { get; init; } = TokenizerKind.Characters;
    /// <value>The tokenizer's own file: vocab.json (bpe), vocab.txt (word-piece), the model (sentence-piece); null: characters.</value>
    public string? Vocabulary { get; init; }
    /// <value>bpe: merges.txt; else null.</value>
    public string? Merges { get; init; }

    /// <summary>As these, with the tokenizer's files in other places.</summary>
    /// <param name="change">Gets each file's path.</param>
    public TextSpec WithFiles(Func<string, string> change) => this with
    {
        Vocabulary = Vocabulary is { } vocabulary ? change(vocabulary) : null,
        Merges = Merges is { } merges ? change(merges) : null,
    };
}

/// <summary>What cuts texts into tokens.</summary>
public enum TokenizerKind
{
    /// <summary>Each character is a token; the training text says which there are.</summary>
    Characters = 1,

    /// <summary>Byte pairs as GPT-2 has them.</summary>
    Bpe = 2,

    /// <summary>Pieces of words as BERT has them.</summary>
    WordPiece = 3,

    /// <summary>A model of SentencePiece.</summary>
    SentencePiece = 4,
}
