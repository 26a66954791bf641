using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>The parts of all shards at one version. A set counts once its manifest, <c>set.json</c>, is there.</summary>
public sealed record CheckpointSet(string Directory, JobDescriptor Descriptor, int Generation, long Version, IReadOnlyList<ShardSnapshot> Parts)
{
    private const string Prefix = "step-";
    private const string ManifestName = "set.json";

    private sealed record Part(string File, string Sha256);
    private sealed record Manifest(long Version, int Shards, IReadOnlyList<Part> Parts, int Generation = 0, string? Ledger = null, BestState? Best = null);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>Folder of the set of one version.</summary>
    public static string DirectoryOf(string checkpoints, long version) =>
        Path.Combine(checkpoints, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{version:D9}"));

    /// <summary>Versions of the whole sets in a folder, ascending.</summary>
    public static IReadOnlyList<long> List(string checkpoints) => [.. Folders(checkpoints).Where(f => f.IsWhole).Select(f => f.Version).Order()];

    /// <summary>The highest generation that cut one of the whole sets in a folder; 0 without any.</summary>
    public static int NewestGeneration(string checkpoints)
    {
        int newest = 0;
        foreach (long version in List(checkpoints))
        {
            try
            {
                newest = Math.Max(newest, ReadManifest(DirectoryOf(checkpoints, version)).Generation);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
            {
                // Deleted meanwhile, or damaged: whoever reads the set is told.
            }
        }

        return newest;
    }

    /// <summary>Makes a set count: all parts are on disk. Other files in its folder are remains, and deleted, but for those of a later generation, which cuts the same version again.</summary>
    /// <param name="sha256">Hexadecimal, by shard.</param>
    /// <param name="generation">That cut the parts.</param>
    /// <param name="ledger">Digest of the ledger's lines up to the version; null: not all of them are known.</param>
    /// <param name="best">Of the evaluations of the versions before this one; null: the job keeps its last version.</param>
    public static void Seal(string checkpoints, long version, IReadOnlyList<string> sha256, int generation = 0, string? ledger = null, BestState? best = null, ICheckpointFiles? files = null)
    {
        files ??= CheckpointFiles.Disk;
        string directory = DirectoryOf(checkpoints, version);
        var manifest = new Manifest(version, sha256.Count, [.. sha256.Select((hash, shard) => new Part(CheckpointPart.FileName(shard, sha256.Count, generation), hash))], generation, ledger, best);
        files.WriteWhole(Path.Combine(directory, ManifestName), file => JsonSerializer.Serialize(file, manifest, Json));
        foreach (string file in System.IO.Directory.EnumerateFiles(directory))
        {
            string name = Path.GetFileName(file);
            if (name != ManifestName && CheckpointPart.GenerationOf(name) <= generation && manifest.Parts.All(part => part.File != name))
            {
                files.TryDelete(file);
            }
        }
    }

    /// <summary>The digest of the ledger's lines that a whole set was cut after.</summary>
    /// <returns>Null: it is not known, or the set cannot be read.</returns>
    public static string? LedgerOf(string checkpoints, long version)
    {
        try
        {
            return ReadManifest(DirectoryOf(checkpoints, version)).Ledger is { Length: 64 } digest && digest.All(char.IsAsciiHexDigit) ? digest : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>What was best of the evaluations of the versions before that of a whole set.</summary>
    /// <returns>Null: the job keeps its last version, or the set cannot be read.</returns>
    public static BestState? BestOf(string checkpoints, long version)
    {
        try
        {
            return ReadManifest(DirectoryOf(checkpoints, version)).Best;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The determinism class that a whole set was computed in. Its files are not checked.</summary>
    /// <returns>Null: it cannot be read.</returns>
    public static string? ClassOf(string checkpoints, long version)
    {
        string directory = DirectoryOf(checkpoints, version);
        try
        {
            return CheckpointPart.ReadDescriptor(Path.Combine(directory, ReadManifest(directory).Parts[0].File)).DeterminismClass;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or ProtocolException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    /// <summary>Compares the files of a whole set with its manifest.</summary>
    /// <returns>What is wrong with it; null: it is as it was written.</returns>
    public static string? DamageOf(string checkpoints, long version)
    {
        string directory = DirectoryOf(checkpoints, version);
        try
        {
            foreach (Part part in ReadManifest(directory).Parts)
            {
                using FileStream file = File.OpenRead(Path.Combine(directory, part.File));
                if (!string.Equals(Convert.ToHexStringLower(SHA256.HashData(file)), part.Sha256, StringComparison.OrdinalIgnoreCase))
                {
                    return $"{part.File} is not as it was written";
                }
            }

            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return exception.Message;
        }
    }

    /// <summary>Takes a set out of those that count, and keeps its files beside them.</summary>
    /// <returns>Where they are now.</returns>
    /// <exception cref="IOException">It cannot be moved.</exception>
    public static string SetAside(string checkpoints, long version)
    {
        string directory = DirectoryOf(checkpoints, version);
        string aside = Enumerable.Range(1, int.MaxValue).Select(number => Path.Combine(checkpoints, $"damaged-{number}-{Path.GetFileName(directory)}")).First(path => !System.IO.Directory.Exists(path));
        System.IO.Directory.Move(directory, aside);
        return aside;
    }

    /// <summary>Deletes all but the newest <paramref name="keep"/> whole sets and the best versions that these know of, and remains of sets older than the newest whole one that never became whole.</summary>
    /// <param name="newest">Sets above this are of another history and left alone; null: the newest there is.</param>
    /// <param name="spared">Versions that are not deleted: the one that the job was started from, the best one.</param>
    /// <param name="generation">Sets that a later one is writing are left alone.</param>
    public static void Prune(string checkpoints, int keep, long? newest = null, IReadOnlyCollection<long>? spared = null, int generation = int.MaxValue, ICheckpointFiles? files = null)
    {
        files ??= CheckpointFiles.Disk;
        Folder[] folders = [.. Folders(checkpoints).Where(f => f.Version <= (newest ?? long.MaxValue))];
        long[] whole = [.. folders.Where(f => f.IsWhole).Select(f => f.Version).OrderDescending()];
        if (whole.Length == 0)
        {
            return;
        }

        HashSet<long> kept = [.. whole.Take(Math.Max(1, keep))];
        // Who goes back to a set needs the one that was the best by then.
        kept.UnionWith(kept.Select(version => BestOf(checkpoints, version)?.Version).OfType<long>().ToArray());
        foreach (Folder folder in folders.Where(f => f.Version < whole[0] && spared?.Contains(f.Version) != true && !kept.Contains(f.Version)))
        {
            if (System.IO.Directory.EnumerateFiles(folder.Path).Any(file => CheckpointPart.GenerationOf(Path.GetFileName(file)) > generation))
            {
                continue;
            }

            // The manifest goes first: what is left of a broken-off deletion does not count.
            files.Delete(Path.Combine(folder.Path, ManifestName));
            files.DeleteDirectory(folder.Path);
        }
    }

    /// <summary>Reads all parts of a set, whatever number of shards cut it.</summary>
    /// <exception cref="ProtocolException">The set is missing, damaged or not whole.</exception>
    public static CheckpointSet Read(string checkpoints, long version) => Read(checkpoints, version, _ => true);

    /// <summary>Reads what one shard needs of a set: its own part where as many shards cut it, else all parts.</summary>
    /// <exception cref="ProtocolException">The set is missing, damaged or not whole.</exception>
    public static CheckpointSet Read(string checkpoints, long version, int shard, int shards) =>
        Read(checkpoints, version, part => part.Parts != shards || part.Index == shard);

    private static CheckpointSet Read(string checkpoints, long version, Func<(int Index, int Parts), bool> isWanted)
    {
        string directory = DirectoryOf(checkpoints, version);
        Manifest manifest;
        try
        {
            manifest = ReadManifest(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"There is no whole checkpoint of version {version} in {checkpoints} ({exception.Message}). There are: {string.Join(", ", List(checkpoints))}.");
        }

        int[] wanted = [.. Enumerable.Range(0, manifest.Parts.Count).Where(index => isWanted((index, manifest.Parts.Count)))];
        (JobDescriptor Descriptor, ShardSnapshot State)[] parts = [.. wanted.Select(index => CheckpointPart.Read(Path.Combine(directory, manifest.Parts[index].File), manifest.Parts[index].Sha256))];
        if (parts.Length == 0 || parts.Any(p => p.State.Version != version))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"The checkpoint {directory} holds parts of other versions. Delete it to resume from the one before.");
        }

        var layout = new ModelLayout(parts[0].Descriptor.Tensors, manifest.Parts.Count);
        if (!wanted.Zip(parts).All(part => Fits(part.Second.State, layout, part.First, part.Second.Descriptor.Optimizer)))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"The checkpoint {directory} does not hold every chunk of the model once, whole. Delete it to resume from the one before.");
        }

        return new CheckpointSet(directory, parts[0].Descriptor, parts[0].State.Generation, version, [.. parts.Select(p => p.State)]);
    }

    /// <summary>Whether a part holds what its shard has of the model.</summary>
    private static bool Fits(ShardSnapshot state, ModelLayout layout, int shard, OptimizerSpec optimizer)
    {
        int stateArrays = Optimizer.Create(optimizer).StateArrays;
        int elements = layout.ShardElements(shard);
        return state.Chunks.SequenceEqual(layout.ChunksOf(shard).Select(c => c.Index))
            && state.Values.Length == elements
            && state.State1.Length == (stateArrays > 0 ? elements : 0)
            && state.State2.Length == (stateArrays > 1 ? elements : 0)
            && state.Average.Length == (optimizer.AverageDecay is null ? 0 : elements)
            && state.Hints.Length == layout.ShardBlocks(shard);
    }

    private static Manifest ReadManifest(string directory) =>
        JsonSerializer.Deserialize<Manifest>(File.ReadAllBytes(Path.Combine(directory, ManifestName)), Json) ?? throw new JsonException("It is null.");

    private readonly record struct Folder(long Version, string Path, bool IsWhole);

    private static IEnumerable<Folder> Folders(string checkpoints)
    {
        if (!System.IO.Directory.Exists(checkpoints))
        {
            yield break;
        }

        foreach (string folder in System.IO.Directory.EnumerateDirectories(checkpoints, Prefix + "*"))
        {
            if (long.TryParse(Path.GetFileName(folder)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long version))
            {
                yield return new Folder(version, folder, File.Exists(Path.Combine(folder, ManifestName)));
            }
        }
    }

    /// <summary>The flat model vector: all tensors in model order.</summary>
    public float[] Model() => Joined(part => part.Values);

    /// <summary>As <see cref="Model"/>, the values that the model file has: the moving average of the parameters, where the job wants that.</summary>
    public float[] Exported() => Joined(part => Descriptor.Optimizer.ExportsAverage ? part.Average : part.Values);

    private float[] Joined(Func<ShardSnapshot, float[]> values)
    {
        var layout = new ModelLayout(Descriptor.Tensors, 1);
        var model = new float[layout.Elements];
        foreach (ShardSnapshot part in Parts)
        {
            int offset = 0;
            foreach (int index in part.Chunks)
            {
                Chunk chunk = layout.Chunks[index];
                values(part).AsSpan(offset, chunk.Length).CopyTo(model.AsSpan(chunk.ModelOffset));
                offset += chunk.Length;
            }
        }

        return model;
    }
}
