using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Reads texts as tokens, a row each.</summary>
/// <param name="files">Their texts follow each other.</param>
/// <param name="known">Of the training data: these characters there are; null: these are the training data.</param>
/// <param name="progress">Is told how far each file is read.</param>
internal sealed class TextSource(IReadOnlyList<string> files, DataSpec spec, DataSchema? known, IProgress<DataProgress>? progress) : IRowSource
{
    public void CheckBeginnings()
    {
        TokenReaders.Of(spec, known: null);
        foreach (string file in files)
        {
            new TextPieces(file, spec.Encoding).Dispose();
        }
    }

    public string Hash(string cacheDirectory)
    {
        string[] tokenizer = [.. new[] { spec.Text!.Vocabulary, spec.Text.Merges }.OfType<string>()];
        return $"{TokenReaders.Told(() => SourceHashes.Of(tokenizer, cacheDirectory, progress))}|{SourceHashes.Of(files, cacheDirectory, progress)}";
    }

    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        ITokenReader reader = TokenReaders.Of(spec, known?.Categories);
        var tokens = new List<int>();
        long count = 0;
        foreach (string file in files)
        {
            using var pieces = new TextPieces(file, spec.Encoding, progress);
            while (pieces.Read())
            {
                cancellation.ThrowIfCancellationRequested();
                tokens.Clear();
                reader.Read(pieces, tokens);
                output.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(tokens)));
                count += tokens.Count;
            }
        }

        (RowColumn column, int vocabulary) = reader.Finish();
        if (count == 0)
        {
            throw new InputException(files[0], 0, "The text is empty.", "Give a file with text.");
        }

        return new RowFormat(count, 1, 0, RowKind.Tokens, [], vocabulary, [column]);
    }
}
