using System.Globalization;
using System.Text.Json;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>The parts of all shards at one version. A set counts once its manifest, <c>set.json</c>, is there.</summary>
public sealed record CheckpointSet(string Directory, JobDescriptor Descriptor, int Generation, long Version, IReadOnlyList<ShardState> Parts)
{
    private const string Prefix = "step-";
    private const string ManifestName = "set.json";

    private sealed record Part(string File, string Sha256);
    private sealed record Manifest(long Version, int Shards, IReadOnlyList<Part> Parts);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Folder of the set of one version.</summary>
    public static string DirectoryOf(string checkpoints, long version) =>
        Path.Combine(checkpoints, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{version:D9}"));

    /// <summary>Versions of the whole sets in a folder, ascending.</summary>
    public static IReadOnlyList<long> List(string checkpoints)
    {
        if (!System.IO.Directory.Exists(checkpoints))
        {
            return [];
        }

        var versions = new SortedSet<long>();
        foreach (string folder in System.IO.Directory.EnumerateDirectories(checkpoints, Prefix + "*"))
        {
            if (long.TryParse(Path.GetFileName(folder)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long version) && File.Exists(Path.Combine(folder, ManifestName)))
            {
                versions.Add(version);
            }
        }

        return [.. versions];
    }

    /// <summary>Makes a set count: all parts are on disk.</summary>
    /// <param name="sha256">Hexadecimal, by shard.</param>
    public static void Seal(string checkpoints, long version, IReadOnlyList<string> sha256)
    {
        string path = Path.Combine(DirectoryOf(checkpoints, version), ManifestName);
        var manifest = new Manifest(version, sha256.Count, [.. sha256.Select((hash, shard) => new Part(CheckpointPart.FileName(shard, sha256.Count), hash))]);
        using (var file = new FileStream(path + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None))
        {
            JsonSerializer.Serialize(file, manifest, Json);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".tmp", path, overwrite: true);
    }

    /// <summary>Deletes all but the newest <paramref name="keep"/> whole sets, and remains of sets older than those that never became whole.</summary>
    public static void Prune(string checkpoints, int keep)
    {
        IReadOnlyList<long> versions = List(checkpoints);
        if (versions.Count <= keep)
        {
            return;
        }

        long oldest = versions[^Math.Max(1, keep)];
        foreach (string folder in System.IO.Directory.EnumerateDirectories(checkpoints, Prefix + "*"))
        {
            if (long.TryParse(Path.GetFileName(folder)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long version) && version < oldest)
            {
                // The manifest goes first: what is left of a broken-off deletion does not count.
                File.Delete(Path.Combine(folder, ManifestName));
                System.IO.Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Reads all parts of a set, whatever number of shards cut it.</summary>
    /// <exception cref="ProtocolException">The set is missing, damaged or not whole.</exception>
    public static CheckpointSet Read(string checkpoints, long version)
    {
        string directory = DirectoryOf(checkpoints, version);
        Manifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<Manifest>(File.ReadAllBytes(Path.Combine(directory, ManifestName)), Json) ?? throw new JsonException("It is null.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"There is no whole checkpoint of version {version} in {checkpoints} ({exception.Message}). There are: {string.Join(", ", List(checkpoints))}.");
        }

        var parts = manifest.Parts.Select(part => CheckpointPart.Read(Path.Combine(directory, part.File), part.Sha256)).ToArray();
        if (parts.Length == 0 || parts.Any(p => p.State.Version != version))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"The checkpoint {directory} holds parts of other versions. Resume from an older one.");
        }

        var set = new CheckpointSet(directory, parts[0].Descriptor, parts[0].State.Generation, version, [.. parts.Select(p => p.State)]);
        int chunks = new ModelLayout(set.Descriptor.Tensors, 1).Chunks.Count;
        if (!set.Parts.SelectMany(p => p.Chunks).Order().SequenceEqual(Enumerable.Range(0, chunks)))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"The checkpoint {directory} does not hold every chunk of the model once. Resume from an older one.");
        }

        return set;
    }

    /// <summary>The flat model vector: all tensors in model order.</summary>
    public float[] Model()
    {
        var layout = new ModelLayout(Descriptor.Tensors, 1);
        var model = new float[layout.Elements];
        foreach (ShardState part in Parts)
        {
            int offset = 0;
            foreach (int index in part.Chunks)
            {
                Chunk chunk = layout.Chunks[index];
                part.Values.AsSpan(offset, chunk.Length).CopyTo(model.AsSpan(chunk.ModelOffset));
                offset += chunk.Length;
            }
        }

        return model;
    }
}
