using System.Buffers;
using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Stores;

/// <summary>Brings what lies in object stores into the cache, once for each of its versions, so that it is read like any file. What is said of the copies names the objects.</summary>
/// <param name="cacheDirectory">Made where it does not exist.</param>
/// <param name="progress">Is told how far objects are read.</param>
public sealed class StoredData(string cacheDirectory, CancellationToken cancellation, IProgress<DataProgress>? progress = null) : IDisposable
{
    /// <summary>Ends of connections after which an object is given up.</summary>
    private const int MostTries = 3;

    private static readonly char[] Wild = ['*', '?'];

    private static readonly SearchValues<char> Endings = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

    private readonly Dictionary<(string, string), IObjectStore> _stores = [];

    /// <summary>By local path: the address that it is a copy of.</summary>
    private readonly Dictionary<string, string> _addresses = new(StringComparer.Ordinal);

    /// <summary>A job's data with local files in the place of objects; patterns are looked up.</summary>
    /// <exception cref="InputException">There is no such object, or the store refuses, cannot be reached, or breaks off.</exception>
    public DataSpec Bring(DataSpec data)
    {
        if (!data.Files().Any(file => StoreAddress.Parse(file.Path) is not null))
        {
            return data;
        }

        bool folders = data.Format == DataFormat.Images;
        string[] train = Bring(data.Train.Length == 0 ? [] : [data.Train, .. data.TrainMore], folders), labels = Bring(All(data.TrainLabels, data.TrainLabelsMore), folders: false);
        string[] validation = Bring(All(data.Validation, data.ValidationMore), folders), held = Bring(All(data.ValidationLabels, data.ValidationLabelsMore), folders: false);
        return data with
        {
            Train = train.FirstOrDefault() ?? "",
            TrainMore = Rest(train),
            TrainLabels = labels.FirstOrDefault(),
            TrainLabelsMore = Rest(labels),
            Validation = validation.FirstOrDefault(),
            ValidationMore = Rest(validation),
            ValidationLabels = held.FirstOrDefault(),
            ValidationLabelsMore = Rest(held),
            Text = data.Text?.WithFiles(path => Bring([path], folders: false)[0]),
        };
    }

    /// <summary>Looks whether objects are there, without reading them.</summary>
    /// <exception cref="InputException">One is not, or the store refuses or cannot be reached.</exception>
    public void Check(DataSpec data)
    {
        foreach ((string _, string path) in data.Files())
        {
            if (StoreAddress.Parse(path) is { } address)
            {
                Find(address, folders: data.Format == DataFormat.Images);
            }
        }
    }

    /// <summary>Does something with local files; what goes wrong with them is told of the objects.</summary>
    /// <exception cref="InputException">It goes wrong.</exception>
    public T Run<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InputException exception) when (_addresses.Count > 0)
        {
            throw new InputException([.. exception.Errors.Select(Renamed)]);
        }
    }

    /// <summary>What is said of a copy, said of the object.</summary>
    public InputError Renamed(InputError error)
    {
        foreach ((string local, string address) in _addresses)
        {
            if (error.File.StartsWith(local, StringComparison.Ordinal) || error.Message.Contains(local, StringComparison.Ordinal))
            {
                error = error with { File = error.File.Replace(local, address, StringComparison.Ordinal), Message = error.Message.Replace(local, address, StringComparison.Ordinal) };
            }
        }

        return error;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IObjectStore store in _stores.Values)
        {
            store.Dispose();
        }
    }

    private static string[] All(string? first, IReadOnlyList<string> more) => first is null ? [] : [first, .. more];

    private static string[] Rest(string[] paths) => paths[Math.Min(1, paths.Length)..];

    private string[] Bring(IReadOnlyList<string> paths, bool folders) =>
        [.. paths.SelectMany(path => StoreAddress.Parse(path) is { } address ? Bring(address, folders) : [path])];

    private IEnumerable<string> Bring(StoreAddress address, bool folders)
    {
        (IReadOnlyList<StoredObject> found, bool isFolder) = Find(address, folders);
        return isFolder ? [BringFolder(address, found)] : found.Select(one => BringFile(address with { Key = one.Key }, one));
    }

    private (IReadOnlyList<StoredObject> Found, bool IsFolder) Find(StoreAddress address, bool folders)
    {
        IObjectStore store = Open(address);
        int slash = address.Key.LastIndexOf('/') + 1;
        if (address.Key.AsSpan(slash).IndexOfAny(Wild) >= 0)
        {
            string pattern = address.Key[slash..];
            StoredObject[] fitting = [.. store.List(address.Key[..slash]).Where(one => !one.Key[slash..].Contains('/') && FileSystemName.MatchesSimpleExpression(pattern, one.Key.AsSpan(slash), ignoreCase: false))];
            return fitting.Length > 0 ? (fitting, false) : throw new InputException(address.ToString(), 0, $"No object is called '{pattern}'.", "Correct the pattern: * stands for any characters, ? for one.");
        }

        if (!address.Key.EndsWith('/') && store.Find(address.Key) is { } one)
        {
            return ([one], false);
        }

        StoredObject[] below = folders ? [.. store.List(address.Key.TrimEnd('/') + "/").Where(inner => inner.Length > 0)] : [];
        return below.Length > 0 ? (below, true) : throw StoreError.Of(address, 404, null, "");
    }

    private IObjectStore Open(StoreAddress address)
    {
        if (!_stores.TryGetValue((address.Scheme, address.Bucket), out IObjectStore? store))
        {
            store = address.Scheme == StoreAddress.S3 ? new S3Store(address) : new BlobStore(address);
            _stores.Add((address.Scheme, address.Bucket), store);
        }

        return store;
    }

    private string BringFile(StoreAddress address, StoredObject stored)
    {
        string key = KeyOf($"{address}|{Version(stored)}|{stored.Length}");
        string path = Path.Combine(cacheDirectory, $"{key}.object{EndingOf(address.Key)}");
        CacheEntry.GetOrMake(cacheDirectory, key, () => File.Exists(path) && new FileInfo(path).Length == stored.Length ? path : null, ending => Read(address, stored, path, ending), cancellation);
        _addresses[path] = address.ToString();
        return path;
    }

    /// <summary>A folder of copies, with the objects' names below.</summary>
    private string BringFolder(StoreAddress address, IReadOnlyList<StoredObject> below)
    {
        string key = KeyOf($"{address}|{string.Join('|', below.Select(one => $"{one.Key}|{Version(one)}"))}");
        string folder = Path.Combine(cacheDirectory, key + ".objects");
        int prefix = address.Key.TrimEnd('/').Length + 1;
        CacheEntry.GetOrMake(
            cacheDirectory,
            key,
            () => Directory.Exists(folder) ? folder : null,
            ending =>
            {
                string making = folder + ending;
                if (Directory.Exists(making))
                {
                    Directory.Delete(making, recursive: true);
                }

                foreach (StoredObject one in below)
                {
                    string name = one.Key[prefix..];
                    if (name.Split('/', '\\').Any(part => part is "" or "." or ".."))
                    {
                        throw new InputException((address with { Key = one.Key }).ToString(), 0, "The object's name is none that a file can have.", "Rename it, or name another folder.");
                    }

                    string path = Path.Combine(making, name);
                    CacheEntry.MakePrivate(Path.GetDirectoryName(path)!);
                    Read(address with { Key = one.Key }, one, path, ".part");
                }

                Directory.Move(making, folder);
            },
            cancellation);
        _addresses[folder] = (address with { Key = address.Key.TrimEnd('/') }).ToString();
        return folder;
    }

    private void Read(StoreAddress address, StoredObject stored, string path, string ending) => CacheEntry.Write(path, ending, file =>
    {
        IObjectStore store = Open(address);
        for (int tries = 1; ; tries++)
        {
            cancellation.ThrowIfCancellationRequested();
            file.SetLength(0);
            file.Position = 0;
            progress?.Report(new DataProgress(address.ToString(), "copying", 0, stored.Length));
            string problem = "";
            try
            {
                store.Read(stored, file, cancellation);
            }
            catch (IOException exception)
            {
                problem = $" ({exception.Message.TrimEnd('.')})";
            }

            file.Flush();
            if (file.Length == stored.Length)
            {
                return;
            }

            if (tries == MostTries)
            {
                throw new InputException(address.ToString(), 0, $"The object store broke off after {file.Length} of {stored.Length} bytes, {MostTries} times{problem}.", "Look after the store or the network, and start again.");
            }
        }
    });

    /// <summary>The ending by which a file is known to be compressed, or an image.</summary>
    private static string EndingOf(string key) => Path.GetExtension(key) is { Length: > 0 and <= 10 } ending && ending.AsSpan(1).IndexOfAnyExcept(Endings) < 0 ? ending : "";

    /// <summary>Lists and single answers write it with quotes or without.</summary>
    private static string Version(StoredObject stored) => stored.Version.Trim('"');

    private static string KeyOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
