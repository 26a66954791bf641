using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Stores;

/// <summary>What is said where an object store does not do what is asked.</summary>
internal static class StoreError
{
    private const int Forbidden = 403;
    private const int Unauthorized = 401;
    private const int Missing = 404;

    /// <param name="address">What was asked for.</param>
    /// <param name="status">Of HTTP; 0: there was no answer.</param>
    /// <param name="code">The store's own word for it.</param>
    /// <param name="message">The store's own words.</param>
    public static InputException Of(StoreAddress address, int status, string? code, string message)
    {
        string kind = address.Scheme == StoreAddress.S3 ? "bucket" : "container";
        string said = message.Split('\n')[0].Trim().TrimEnd('.');
        return status switch
        {
            Missing when code is "NoSuchBucket" or "ContainerNotFound" => new(address.ToString(), 0, $"There is no {kind} '{address.Bucket}'.", $"Correct the {kind}'s name, or the store that the environment names."),
            Missing => new(address.ToString(), 0, "There is no such object.", "Correct the name."),
            Forbidden or Unauthorized => new(address.ToString(), 0, $"The object store refuses access ({status}{(code is { Length: > 0 } ? $", {code}" : "")}).", $"Give the process credentials that may read and list the {kind}: {Credentials(address)}."),
            0 => new(address.ToString(), 0, $"The object store cannot be reached: {said}.", $"Correct the address of the store in the environment ({Variables(address)}), or the network."),
            _ => new(address.ToString(), 0, $"The object store answers {status}{(code is { Length: > 0 } ? $", {code}" : "")}: {said}.", "Try again later, or correct what the environment says of the store."),
        };
    }

    /// <summary>The store answers what no store should.</summary>
    public static InputException Nonsense(StoreAddress address, string message) =>
        new(address.ToString(), 0, $"The object store's answer makes no sense: {message.Split('\n')[0].Trim().TrimEnd('.')}.", $"Correct the address of the store in the environment ({Variables(address)}).");

    /// <summary>There are no credentials to be found.</summary>
    public static InputException WithoutCredentials(StoreAddress address, string message) =>
        new(address.ToString(), 0, $"There are no credentials for the object store: {message.Split('\n')[0].Trim().TrimEnd('.')}.", $"Set {Credentials(address)}.");

    private static string Variables(StoreAddress address) => address.Scheme == StoreAddress.S3 ? $"{S3Store.Endpoint}, AWS_REGION" : $"{BlobStore.ConnectionString} or {BlobStore.Account}";

    private static string Credentials(StoreAddress address) => address.Scheme == StoreAddress.S3
        ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's role"
        : $"{BlobStore.ConnectionString}, or {BlobStore.Account} with a login of Azure";
}
