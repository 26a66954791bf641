using System.Text;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class TextDataTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_sample_is_its_tokens_and_its_label_those_that_follow()
    {
        using var data = folder.Open(Characters("abcab\ncba", 3));
        Assert.Equal((2, 3, 3, true), (data.Train.Count, data.Train.FeatureCount, data.Train.LabelWidth, data.Train.HasIndexes));
        // In ordinal order: the line's end, a, b, c.
        Assert.Equal(4, data.Train.Classes);
        Assert.Equal(["\n", "a", "b", "c"], data.Normalization.NamesOfClasses());
        var (features, labels) = data.Train.All();
        Assert.Equal([[1f, 2, 3], [1f, 2, 0]], features);
        Assert.Equal([[2f, 3, 1], [2f, 0, 3]], labels);
    }

    [Fact]
    public void Samples_may_overlap_and_files_follow_each_other()
    {
        var spec = Characters("abc", 2, stride: 1) with { TrainMore = [folder.Write("more.txt", "dé")] };
        using var data = folder.Open(spec);
        Assert.Equal([[0f, 1], [1f, 2], [2f, 3]], data.Train.All().Features);
        Assert.Equal([[1f, 2], [2f, 3], [3f, 4]], data.Train.All().Labels);
    }

    [Fact]
    public void A_text_longer_than_a_piece_is_read_whole()
    {
        var text = new StringBuilder();
        for (var i = 0; i < 30_000; i++)
        {
            text.Append(i % 7 == 0 ? "😀" : i.ToString(System.Globalization.CultureInfo.InvariantCulture)).Append(i is > 9_000 and < 29_000 ? " " : "\n");
        }

        using var data = folder.Open(Characters(text.ToString(), 1));
        Rune[] runes = [.. text.ToString().EnumerateRunes()];
        Assert.Equal(runes.Length - 1, data.Train.Count);
        var names = data.Normalization.NamesOfClasses();
        var ids = Enumerable.Range(0, (int)data.Train.Count).Select(i => (long)i).ToArray();
        var (features, labels) = (new float[ids.Length], new float[ids.Length]);
        data.Train.Read(ids, features, labels);
        Assert.Equal(string.Concat(runes[..^1]), string.Concat(features.Select(f => names[(int)f])));
        Assert.Equal(string.Concat(runes[1..]), string.Concat(labels.Select(f => names[(int)f])));
    }

    [Fact]
    public void Validation_text_has_the_characters_of_the_training_text()
    {
        var spec = Characters("abcabc", 2) with { Validation = folder.Write("held.txt", "cb\na?b?") };
        var error = folder.Refused(spec);
        Assert.Equal((folder["held.txt"], 1), (error.File, error.Line));
        Assert.Equal("The character U+000A does not occur in the training text. 2 more characters are as unknown.", error.Message);
        using var data = folder.Open(spec with { Unknown = UnknownPolicy.Ignore });
        Assert.Equal([[2f, 1]], data.Validation!.All().Features);
        Assert.Equal([[1f, 0]], data.Validation!.All().Labels);
    }

    [Fact]
    public void A_stored_model_reads_other_texts_by_its_own_characters()
    {
        using var data = folder.Open(Characters("xyzxyz", 2));
        var later = Characters("zzy", 2);
        using var read = DataSets.OpenForEvaluation(later, LossKind.CrossEntropy, NormalizationTable.FromMetadata(data.Normalization.ToMetadata()), folder.Cache, TestContext.Current.CancellationToken);
        Assert.Equal([[2f, 2]], read.All().Features);
        Assert.Equal(3, read.Classes);
        Assert.Contains("no rows", Assert.Throws<InputException>(() => DataSets.OpenForPrediction(later, data.Normalization, folder.Cache, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_held_out_is_not_trained_on()
    {
        using var data = folder.Open(Characters(new string([.. Enumerable.Range(0, 101).Select(i => (char)('!' + i))]), 10) with { Split = 0.3 });
        Assert.Equal((7, 3), (data.Train.Count, data.Validation!.Count));
        Assert.Equal(10, data.Train.All().Features.Concat(data.Validation.All().Features).Select(f => f[0]).Distinct().Count());
    }

    [Theory]
    [InlineData(TokenizerKind.Bpe)]
    [InlineData(TokenizerKind.WordPiece)]
    [InlineData(TokenizerKind.SentencePiece)]
    public void Tokenizers_cut_by_their_files(TokenizerKind kind)
    {
        var (files, text, tokens) = Tokenizer(kind);
        var spec = Characters(text, 2, stride: 1) with { Text = files with { Length = 2, Stride = 1 } };
        using var data = folder.Open(spec);
        Assert.Equal(tokens.Length - 2, data.Train.Count);
        Assert.Equal(tokens[..^1], data.Train.All().Features.Select(f => (int)f[0]).Append((int)data.Train.Sample(data.Train.Count - 1).Features[1]));
        Assert.Equal(tokens[^1], (int)data.Train.Sample(data.Train.Count - 1).Labels[1]);

        var missing = folder.Refused(spec with { Train = folder.Write("other.txt", text + text), Text = files with { Vocabulary = folder["none"] } });
        Assert.Equal(folder["none"], missing.File);
        Assert.Contains("tokenizer's file", missing.Message, StringComparison.Ordinal);
        var broken = folder.Refused(spec with { Text = files with { Vocabulary = folder.Write("broken", kind == TokenizerKind.WordPiece ? "a\na\n" : "\u0001\u0002}") } });
        Assert.Equal(folder["broken"], broken.File);
        Assert.Contains("The file is no", broken.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_text_or_too_little_is_refused()
    {
        Assert.Equal("The text has 3 tokens, and a sample takes 4.", folder.Refused(Characters("abc", 3)).Message);
        Assert.Equal("The text is empty.", folder.Refused(Characters("", 3)).Message);
        var bytes = folder.Refused(Characters("", 3) with { Train = folder.Write("latin.txt", [0x61, 0x0A, 0xE9, 0x62, 0x63]) });
        Assert.Equal((folder["latin.txt"], 2), (bytes.File, bytes.Line));
        Assert.Contains("0xE9", bytes.Message, StringComparison.Ordinal);
        Assert.Contains("no such data file", folder.Refused(Characters("", 3) with { Train = folder["none"] }).Message, StringComparison.Ordinal);
    }

    private DataSpec Characters(string text, int length, int? stride = null) =>
        new() { Format = DataFormat.Text, Train = folder.Write("text.txt", text), Text = new TextSpec { Length = length, Stride = stride } };

    /// <summary>A small tokenizer's files, a text, and the tokens that it is cut into.</summary>
    private (TextSpec Files, string Text, int[] Tokens) Tokenizer(TokenizerKind kind)
    {
        switch (kind)
        {
            case TokenizerKind.Bpe:
                // Ġ is the space of byte pairs.
                string[] pairs = ["a", "b", "\u0120", "ab", "\u0120ab", "<|endoftext|>"];
                var words = folder.Write("vocab.json", JsonSerializer.Serialize(pairs.Index().ToDictionary(p => p.Item, p => p.Index)));
                return (new TextSpec { Length = 1, Tokenizer = kind, Vocabulary = words, Merges = folder.Write("merges.txt", "#version: 0.2\na b\n\u0120 ab\n") }, "ab ab ba", [3, 4, 2, 1, 0]);
            case TokenizerKind.WordPiece:
                return (new TextSpec { Length = 1, Tokenizer = kind, Vocabulary = folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nplay\n##ing\nthe\n") }, "The playing the zebra", [7, 5, 6, 7, 1]);
            default:
                return (new TextSpec { Length = 1, Tokenizer = kind, Vocabulary = folder.Write("pieces.model", Pieces("\u2581a", "\u2581b", "\u2581", "a", "b")) }, "a b ab", [3, 4, 3, 7]);
        }
    }

    /// <summary>A model of SentencePiece (unigram): unknown, begin, end, then pieces, the first the likeliest.</summary>
    private static byte[] Pieces(params string[] pieces)
    {
        var model = new List<byte>();
        foreach (var (i, (text, type)) in new[] { ("<unk>", 2), ("<s>", 3), ("</s>", 3) }.Concat(pieces.Select(p => (p, 1))).Index())
        {
            byte[] name = Encoding.UTF8.GetBytes(text);
            byte[] piece = [0x0A, (byte)name.Length, .. name, 0x15, .. BitConverter.GetBytes(-(float)i), 0x18, (byte)type];
            model.AddRange([0x0A, (byte)piece.Length, .. piece]);
        }

        // Trainer: unigram. Normalizer: identity, a dummy prefix, escaped spaces.
        model.AddRange([0x12, 2, 0x18, 1]);
        byte[] normalizer = [0x0A, 8, .. "identity"u8, 0x18, 1, 0x20, 1, 0x28, 1];
        model.AddRange([0x1A, (byte)normalizer.Length, .. normalizer]);
        return [.. model];
    }
}
