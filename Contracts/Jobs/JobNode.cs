using System.Text;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lockstep.Contracts.Jobs;

/// <summary>A value of a job file with the place where it stands.</summary>
/// <param name="File">The file, or the command-line option that gave it.</param>
/// <param name="Line">One-based; 0 for an option.</param>
internal abstract record JobNode(string File, int Line)
{
    private const int DeepestNesting = 32;

    /// <summary>Reads YAML; JSON where the file's name says so.</summary>
    /// <exception cref="InputException">The text is neither.</exception>
    public static JobNode Parse(string text, string file) =>
        Path.GetExtension(file).Equals(".json", StringComparison.OrdinalIgnoreCase) ? FromJson(text, file) : FromYaml(text, file);

    /// <exception cref="InputException">The text is no YAML, or has what a job file has no use for.</exception>
    public static JobNode FromYaml(string text, string file)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                throw new InputException(file, 0, "The file is empty.", "See docs/job-file.md and samples/ for what a job looks like.");
            }

            parser.Consume<DocumentStart>();
            JobNode root = Read(parser, file, 0);
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _) ? root : throw new InputException(file, (int)parser.Current!.Start.Line, "A second document begins.", "Keep one job a file.");
        }
        catch (YamlException exception)
        {
            throw NoYaml(text, file, (int)exception.Start.Line, exception);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException)
        {
            // YamlDotNet 18.1 has these for some texts, such as a list that is not closed; the line is that of the last value that was understood.
            throw NoYaml(text, file, (int)(parser.Current?.End.Line ?? 1), exception);
        }
    }

    private static InputException NoYaml(string text, string file, int line, Exception exception)
    {
        // The parser names another line, often the first.
        int tab = Array.FindIndex(text.Split('\n'), l => l.AsSpan(0, l.Length - l.AsSpan().TrimStart().Length).Contains('\t')) + 1;
        return tab > 0
            ? new(file, tab, $"This is no YAML: {exception.Message.TrimEnd('.')}.", "Correct the line: YAML is indented by spaces, and this one begins with a tab.")
            : new(file, line, $"This is no YAML: {exception.Message.TrimEnd('.')}.", "Correct the line; lists and maps go by their indentation.");
    }

    private static JobNode Read(Parser parser, string file, int depth)
    {
        ParsingEvent next = parser.Current ?? throw new InputException(file, 0, "The file ends too early.", "Give the rest.");
        int line = (int)next.Start.Line;
        if (depth > DeepestNesting)
        {
            throw new InputException(file, line, $"Values are nested more than {DeepestNesting} deep.", "A job file needs five levels.");
        }

        if (parser.TryConsume<Scalar>(out Scalar? scalar))
        {
            return new JobScalar(file, line, scalar.Value, scalar.Style != ScalarStyle.Plain);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<JobNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(Read(parser, file, depth + 1));
            }

            return new JobList(file, line, items);
        }

        if (parser.TryConsume<MappingStart>(out _))
        {
            var map = new JobMap(file, line, []);
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                JobNode key = Read(parser, file, depth + 1);
                map.Entries.Add(new(key is JobScalar name ? name.Text : throw new InputException(file, key.Line, "A key is no text.", "Write key: value."), key.Line, Read(parser, file, depth + 1)));
            }

            return map;
        }

        throw new InputException(file, line, "Anchors and aliases are not supported.", "Write the value out.");
    }

    private static JobNode FromJson(string text, string file)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = DeepestNesting });
        try
        {
            reader.Read();
            JobNode root = Read(ref reader, bytes, file);
            reader.Read();
            return root;
        }
        catch (JsonException exception)
        {
            int line = (int)(exception.LineNumber ?? 0);
            throw NoJson(file, line + 1, ColumnOf(text, line, (int)(exception.BytePositionInLine ?? 0)), exception.Message);
        }
        catch (InvalidOperationException exception)
        {
            // A text with half of a surrogate pair.
            throw NoJson(file, LineOf(reader, bytes), (int)reader.TokenStartIndex - bytes.AsSpan(0, (int)reader.TokenStartIndex).LastIndexOf((byte)'\n'), exception.Message);
        }
    }

    private static InputException NoJson(string file, int line, int column, string message) =>
        new(file, line, $"This is no JSON at column {column}: {WithoutPlace(message).TrimEnd('.')}.", "Correct the line.");

    /// <summary>A message of System.Text.Json without the place at its end, which is counted from 0 and in bytes.</summary>
    public static string WithoutPlace(string message) => message.Split([" Path: ", " LineNumber: "], StringSplitOptions.None)[0].Trim();

    /// <summary>One-based, in characters.</summary>
    private static int ColumnOf(string text, int line, int bytes)
    {
        byte[] before = Encoding.UTF8.GetBytes(text.Split('\n').ElementAtOrDefault(line) ?? "");
        return Encoding.UTF8.GetCharCount(before, 0, Math.Min(bytes, before.Length)) + 1;
    }

    private static int LineOf(in Utf8JsonReader reader, byte[] bytes) => bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n') + 1;

    private static JobNode Read(ref Utf8JsonReader reader, byte[] bytes, string file)
    {
        int line = LineOf(reader, bytes);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var map = new JobMap(file, line, []);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    string name = reader.GetString()!;
                    int at = LineOf(reader, bytes);
                    reader.Read();
                    map.Entries.Add(new(name, at, Read(ref reader, bytes, file)));
                }

                return map;
            case JsonTokenType.StartArray:
                var items = new List<JobNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(Read(ref reader, bytes, file));
                }

                return new JobList(file, line, items);
            case JsonTokenType.String:
                return new JobScalar(file, line, reader.GetString()!, true);
            default:
                return new JobScalar(file, line, Encoding.UTF8.GetString(reader.ValueSpan), false);
        }
    }
}

/// <param name="Quoted">It is a text, whatever it looks like.</param>
internal sealed record JobScalar(string File, int Line, string Text, bool Quoted) : JobNode(File, Line)
{
    /// <value>Written as nothing: the key counts as not given.</value>
    public bool IsNull => !Quoted && Text is "" or "null" or "~" or "Null" or "NULL";
}

internal sealed record JobList(string File, int Line, IReadOnlyList<JobNode> Items) : JobNode(File, Line);

internal sealed record JobMap(string File, int Line, List<JobEntry> Entries) : JobNode(File, Line)
{
    /// <summary>Sets a value by its path of keys, in place of what is there.</summary>
    public void Set(ReadOnlySpan<string> path, JobNode value)
    {
        string key = path[0];
        int at = Entries.FindIndex(e => e.Key == key);
        if (path.Length > 1)
        {
            if (at < 0 || Entries[at].Value is not JobMap)
            {
                Replace(at, new(key, value.Line, new JobMap(value.File, value.Line, [])));
                at = Entries.FindIndex(e => e.Key == key);
            }

            ((JobMap)Entries[at].Value).Set(path[1..], value);
            return;
        }

        Replace(at, new(key, value.Line, value));
    }

    private void Replace(int at, JobEntry entry)
    {
        if (at < 0)
        {
            Entries.Add(entry);
        }
        else
        {
            Entries[at] = entry;
        }
    }
}

internal sealed record JobEntry(string Key, int Line, JobNode Value);
