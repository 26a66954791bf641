using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Microsoft.ML.Tokenizers;

namespace Lockstep.Data;

/// <summary>The tokenizers of the job file.</summary>
internal static class TokenReaders
{
    /// <param name="known">Texts of the training data's categories, by column; null: these are the training data.</param>
    /// <exception cref="InputException">A file of the tokenizer is missing, or is none.</exception>
    public static ITokenReader Of(DataSpec data, IReadOnlyDictionary<string, string[]>? known)
    {
        TextSpec text = data.Text!;
        return text.Tokenizer switch
        {
            TokenizerKind.Characters => new CharacterReader(known?.GetValueOrDefault(CharacterReader.Column), data.Unknown == UnknownPolicy.Ignore),
            TokenizerKind.Bpe => BytePairs(text.Vocabulary!, text.Merges!),
            TokenizerKind.WordPiece => WordPieces(text.Vocabulary!),
            TokenizerKind.SentencePiece => SentencePieces(text.Vocabulary!),
            _ => throw new InputException(InputException.JobFile, 0, $"There is no tokenizer {text.Tokenizer}.", $"Name one of {string.Join(", ", JobWords.All<TokenizerKind>())}."),
        };
    }

    /// <summary>Says what is wrong with a file of a tokenizer that it is one.</summary>
    public static T Told<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InputException exception)
        {
            throw new InputException([.. exception.Errors.Select(error => error with { Message = $"The tokenizer's file cannot be had. {error.Message}" })]);
        }
    }

    private static TokenizerReader BytePairs(string vocabulary, string merges)
    {
        using Stream words = Open(vocabulary), pairs = Open(merges);
        var tokenizer = Made(vocabulary, "vocab.json with merges.txt of byte pairs", () => CodeGenTokenizer.Create(words, pairs));
        return new TokenizerReader(vocabulary, tokenizer.Vocabulary.Values.Max() + 1, piece => tokenizer.EncodeToIds(piece, addPrefixSpace: false, addBeginningOfSentence: false, addEndOfSentence: false));
    }

    private static TokenizerReader WordPieces(string vocabulary)
    {
        int lines = 0;
        using (var reader = new StreamReader(Open(vocabulary)))
        {
            while (reader.ReadLine() is not null)
            {
                lines++;
            }
        }

        using Stream words = Open(vocabulary);
        BertTokenizer tokenizer = Made(vocabulary, "vocab.txt of pieces of words", () => BertTokenizer.Create(words));
        return new TokenizerReader(vocabulary, lines, piece => tokenizer.EncodeToIds(piece, addSpecialTokens: false));
    }

    private static TokenizerReader SentencePieces(string model)
    {
        using Stream file = Open(model);
        SentencePieceTokenizer tokenizer = Made(model, "model of SentencePiece", () => SentencePieceTokenizer.Create(file, addBeginningOfSentence: false, addEndOfSentence: false));
        return new TokenizerReader(model, tokenizer.Vocabulary.Values.Max() + 1, piece => tokenizer.EncodeToIds(piece, addBeginningOfSentence: false, addEndOfSentence: false));
    }

    private static Stream Open(string path) => Told(() => SourceFile.Open(path));

    private static T Made<T>(string path, string what, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (Exception exception) when (exception is not (InputException or OutOfMemoryException))
        {
            // The library has an exception of another kind for each fault of a file.
            throw new InputException(path, 0, $"The file is no {what}: {exception.Message.Split('\n')[0].Trim().TrimEnd('.')}.", "Name the file that the tokenizer was trained into, or another 'tokenizer'.");
        }
    }
}
