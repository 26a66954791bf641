using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Jobs;

/// <summary>Reads job files, and writes jobs for the way between processes.</summary>
public static class JobFile
{
    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectNullableAnnotations = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    private static readonly JsonSerializerOptions NothingMore = new(Json) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>Reads a job file: YAML, or JSON where its name ends so.</summary>
    /// <param name="sets">Of <c>--set</c>: each <c>key.key=value</c>, value as in YAML.</param>
    /// <exception cref="InputException">It cannot be read, or something in it is wrong: all that could be found at once.</exception>
    public static JobSpec Load(string path, IEnumerable<string> sets)
    {
        try
        {
            string full = Path.GetFullPath(path);
            return Parse(TextReading.ReadWritten(path), path, Path.GetDirectoryName(full)!, sets);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(path, 0, exception is FileNotFoundException or DirectoryNotFoundException or ArgumentException ? "There is no such job file." : $"The job file cannot be read: {exception.Message}", "Give the path of a job file, such as samples/digits/job.yaml.");
        }
    }

    /// <summary>Reads the text of a job file.</summary>
    /// <param name="file">Its name, for messages; .json: the text is JSON.</param>
    /// <param name="directory">Folder that relative paths are taken from.</param>
    /// <exception cref="InputException">Something in it is wrong: all that could be found at once.</exception>
    public static JobSpec Parse(string text, string file, string directory, IEnumerable<string> sets)
    {
        var errors = new List<InputError>();
        JobNode root = JobNode.Parse(text, file);
        foreach (string set in sets)
        {
            Apply(root, set, errors);
        }

        JobSpec job = new JobBuilder(errors, directory).Build(new JobReader(errors).Read(root, JobKeys.Job));
        return errors.Count == 0 ? job : throw new InputException([.. errors.OrderBy(e => e.Line).Distinct()]);
    }

    /// <summary>Where a job's value stands, for messages: <c>file:line</c>, or the option that gave it.</summary>
    /// <param name="path">Of a job file that <see cref="Load"/> has read.</param>
    /// <param name="keys">Way to the value, such as <c>data</c>, <c>train</c>.</param>
    /// <returns>Null: there is no such value.</returns>
    public static string? PlaceOf(string path, IEnumerable<string> sets, params ReadOnlySpan<string> keys)
    {
        JobNode? node = JobNode.Parse(TextReading.ReadWritten(path), path);
        foreach (string set in sets)
        {
            Apply(node, set, []);
        }

        foreach (string key in keys)
        {
            node = (node as JobMap)?.Entries.Find(entry => entry.Key == key)?.Value;
        }

        return node is null ? null : node.Line > 0 ? $"{node.File}:{node.Line}" : node.File;
    }

    /// <summary>A job as JSON with every default filled in: what processes give each other.</summary>
    public static string ToCanonicalJson(JobSpec job) => JsonSerializer.Serialize(job, Json);

    /// <param name="mayHaveMore">What is not known is left out, as another version may have written it.</param>
    /// <exception cref="InputException">The text is no such job.</exception>
    public static JobSpec FromCanonicalJson(string json, bool mayHaveMore = true)
    {
        try
        {
            return JsonSerializer.Deserialize<JobSpec>(json, mayHaveMore ? Json : NothingMore) ?? throw new JsonException("It is null.");
        }
        catch (ArgumentException)
        {
            throw new InputException("jobJson", 0, "This is no job: it has half of a surrogate pair, which is no text.", "Send the job as the same build of the command line writes it.");
        }
        catch (JsonException exception)
        {
            string place = exception.Path is { Length: > 1 } path ? $" at {path}" : "";
            throw new InputException("jobJson", (int)(exception.LineNumber ?? -1) + 1, $"This is no job{place}: {JobNode.WithoutPlace(exception.Message)}", "Send the job as the same build of the command line writes it.");
        }
    }

    /// <summary>As <see cref="FromCanonicalJson"/>, for what need not come from a process of ours. JSON says nothing of ranges and of what goes together: the job is written as a job file and read again, which checks all of it.</summary>
    /// <exception cref="InputException">The text is no such job, or one that cannot be: all that could be found at once.</exception>
    public static JobSpec FromForeignJson(string json, bool mayHaveMore)
    {
        const string Key = "jobJson";
        JobSpec job = FromCanonicalJson(json, mayHaveMore);
        IEnumerable<object?>[] lists =
        [
            job.Model.Metrics, job.Model.Options?.Values ?? [], job.Model.WeightNames?.Values ?? [],
            job.Data.Features, job.Data.Exclude, job.Data.Labels, job.Data.Categories, job.Data.TrainMore, job.Data.ValidationMore, job.Data.TrainLabelsMore, job.Data.ValidationLabelsMore, job.Data.MissingValues ?? [], job.Data.Options?.Values ?? [],
        ];
        if (lists.Any(list => list.Contains(null)) || LayerSpec.HasNull(job.Model.Layers) || job.Optimizer.Groups?.Any(group => group is null || group.Names.Contains(null!)) == true)
        {
            throw new InputException(Key, 0, "A list of the job has null in it.", "Leave it out.");
        }

        foreach ((string name, string? first, IReadOnlyList<string> more) in new[] { ("validation", job.Data.Validation, job.Data.ValidationMore), ("trainLabels", job.Data.TrainLabels, job.Data.TrainLabelsMore), ("validationLabels", job.Data.ValidationLabels, job.Data.ValidationLabelsMore) })
        {
            if (first is null && more.Count > 0)
            {
                throw new InputException(Key, 0, $"The job has '{name}More' and no '{name}'.", $"Name the first file in '{name}'.");
            }
        }

        try
        {
            // A number that is too large for a double has become infinite, which no file can say.
            Parse(JobWriter.ToYaml(job), Key, Path.GetPathRoot(AppContext.BaseDirectory)!, []);
            return job;
        }
        catch (ArgumentException exception)
        {
            throw new InputException(Key, 0, $"A number of the job cannot be: {exception.Message}", "Write a finite one.");
        }
        catch (InputException exception)
        {
            throw new InputException([.. exception.Errors.Select(error => error with { Line = 0 })]);
        }
    }

    /// <summary>Hexadecimal SHA-256 over what shapes the result: not the name, where data lie, how many workers and shards there are, or when checkpoints are cut.</summary>
    public static string Hash(JobSpec job)
    {
        JobSpec plain = WithoutPlace(job);
        JobSpec essential = plain with { Name = "", Model = plain.Model.WithFiles(_ => ""), Data = job.Data with { Train = "", TrainMore = [], TrainLabels = null, TrainLabelsMore = [], Validation = null, ValidationMore = [], ValidationLabels = null, ValidationLabelsMore = [], Text = job.Data.Text?.WithFiles(_ => "") } };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToCanonicalJson(essential))));
    }

    /// <summary>A job without what does not shape the result: how many workers and shards there are, when checkpoints are cut, lines of the file; of its data the files' names alone. Equal for equal runs, wherever they were made.</summary>
    public static JobSpec WithoutPlace(JobSpec job) => job with
    {
        Data = job.Data.WithFiles(path => Path.GetFileName(path)),
        Model = job.Model.WithFiles(path => Path.GetFileName(path)) with { Layers = [.. job.Model.Layers.Select(layer => layer.WithoutLines())] },
        Workers = new WorkersSpec(),
        Shards = 1,
        Checkpoint = new CheckpointSpec(),
    };

    private static void Apply(JobNode root, string set, List<InputError> errors)
    {
        const string Option = "--set";
        int at = set.IndexOf('=', StringComparison.Ordinal);
        string[] path = at < 0 ? [] : set[..at].Split('.');
        if (path.Length == 0 || path.Any(key => key.Length == 0) || root is not JobMap map)
        {
            errors.Add(new(Option, 0, $"'{set}' is no key=value.", "Write keys with dots between them, such as --set optimizer.learningRate=0.01."));
            return;
        }

        try
        {
            string text = set[(at + 1)..];
            map.Set(path, text.Length == 0 ? new JobScalar($"{Option} {set}", 0, "", false) : WithoutLines(JobNode.FromYaml(text, $"{Option} {set}")));
            if (path is ["steps"] or ["epochs"] && text.Length > 0)
            {
                // How long an option says takes the place of how long the file says.
                string other = path is ["steps"] ? "epochs" : "steps";
                map.Entries.RemoveAll(entry => entry.Key == other && entry.Value.File == map.File);
            }
        }
        catch (InputException exception)
        {
            errors.AddRange(exception.Errors.Select(error => error with { Line = 0 }));
        }
    }

    private static JobNode WithoutLines(JobNode node) => node switch
    {
        JobList list => list with { Line = 0, Items = [.. list.Items.Select(WithoutLines)] },
        JobMap map => map with { Line = 0, Entries = [.. map.Entries.Select(e => new JobEntry(e.Key, 0, WithoutLines(e.Value)))] },
        _ => node with { Line = 0 },
    };
}
