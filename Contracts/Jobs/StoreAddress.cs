using System.Buffers;

namespace Lockstep.Contracts.Jobs;

/// <summary>Where an object store has data: <c>s3://bucket/key</c> or <c>azblob://container/name</c>.</summary>
/// <param name="Scheme"><c>s3</c> or <c>azblob</c>.</param>
/// <param name="Bucket">The bucket or container.</param>
/// <param name="Key">The object's name, or what names begin with; without a slash at its beginning.</param>
public sealed record StoreAddress(string Scheme, string Bucket, string Key)
{
    /// <summary>Of Amazon S3, and of what is like it.</summary>
    public const string S3 = "s3";

    /// <summary>Of Azure's blob storage.</summary>
    public const string AzureBlob = "azblob";

    private const string Mark = "://";

    private static readonly SearchValues<char> SchemeCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    /// <summary>Whether a text is an address of any kind, and no path.</summary>
    public static bool IsUrl(string text) => text.IndexOf(Mark, StringComparison.Ordinal) is > 0 and var at && text.AsSpan(0, at).IndexOfAnyExcept(SchemeCharacters) < 0;

    /// <summary>Reads an address.</summary>
    /// <returns>Null: it is a path, or an address of another kind.</returns>
    public static StoreAddress? Parse(string text)
    {
        foreach (string scheme in new[] { S3, AzureBlob })
        {
            if (text.StartsWith(scheme + Mark, StringComparison.Ordinal))
            {
                string rest = text[(scheme.Length + Mark.Length)..];
                int slash = rest.IndexOf('/', StringComparison.Ordinal);
                return slash > 0 && slash < rest.Length - 1 ? new(scheme, rest[..slash], rest[(slash + 1)..]) : null;
            }
        }

        return null;
    }

    /// <summary>Whether it is another one, or lies below it as files below a folder.</summary>
    public bool IsUnder(StoreAddress root) => Scheme == root.Scheme && Bucket == root.Bucket && (Key == root.Key || Key.StartsWith(root.Key.TrimEnd('/') + "/", StringComparison.Ordinal));

    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}{Mark}{Bucket}/{Key}";
}
