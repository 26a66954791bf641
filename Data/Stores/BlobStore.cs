using Azure;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Stores;

/// <summary>A container of Azure's blob storage: where, and with which credentials, the environment says.</summary>
internal sealed class BlobStore : IObjectStore
{
    /// <summary>Says all of a storage account.</summary>
    public const string ConnectionString = "AZURE_STORAGE_CONNECTION_STRING";

    /// <summary>Names a storage account, whose credentials are those of Azure's login on this machine.</summary>
    public const string Account = "AZURE_STORAGE_ACCOUNT";

    private const int Missing = 404;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly StoreAddress _container;
    private readonly BlobContainerClient _client;

    /// <param name="address">Any of the container.</param>
    /// <exception cref="InputException">The environment does not say where.</exception>
    public BlobStore(StoreAddress address)
    {
        _container = address;
        var options = new BlobClientOptions { Retry = { MaxRetries = 2, NetworkTimeout = Patience, Mode = RetryMode.Fixed, Delay = TimeSpan.FromMilliseconds(200) } };
        if (Environment.GetEnvironmentVariable(ConnectionString) is { Length: > 0 } connection)
        {
            try
            {
                _client = new BlobServiceClient(connection, options).GetBlobContainerClient(address.Bucket);
            }
            catch (FormatException exception)
            {
                // It holds a key, which is not shown.
                throw new InputException(InputException.ProcessEnvironment, 0, $"{ConnectionString} is no connection string: {exception.GetType().Name}.", "Copy that of the storage account.");
            }
        }
        else if (Environment.GetEnvironmentVariable(Account) is { Length: > 0 } account && account.All(char.IsAsciiLetterOrDigit))
        {
            _client = new BlobServiceClient(new Uri($"https://{account}.blob.core.windows.net"), new DefaultAzureCredential(), options).GetBlobContainerClient(address.Bucket);
        }
        else
        {
            throw new InputException(address.ToString(), 0, "The environment does not say which storage account this is.", $"Set {ConnectionString}, or {Account}.");
        }
    }

    public StoredObject? Find(string key)
    {
        try
        {
            BlobProperties found = _client.GetBlobClient(key).GetProperties();
            return new StoredObject(key, found.ContentLength, found.ETag.ToString());
        }
        catch (RequestFailedException exception) when (exception is { Status: Missing, ErrorCode: not "ContainerNotFound" })
        {
            return null;
        }
        catch (Exception exception) when (IsTheirs(exception))
        {
            throw Told(key, exception);
        }
    }

    public IReadOnlyList<StoredObject> List(string prefix) => Guarded<StoredObject[]>(prefix, () =>
        [.. _client.GetBlobs(BlobTraits.None, BlobStates.None, prefix, CancellationToken.None).Select(one => new StoredObject(one.Name, one.Properties.ContentLength ?? 0, one.Properties.ETag?.ToString() ?? "")).OrderBy(one => one.Key, StringComparer.Ordinal)]);

    public void Read(StoredObject stored, Stream target, CancellationToken cancellation) => Guarded(stored.Key, () =>
    {
        using BlobDownloadStreamingResult answer = _client.GetBlobClient(stored.Key).DownloadStreaming(new BlobDownloadOptions { Conditions = new BlobRequestConditions { IfMatch = new ETag(stored.Version) } }, cancellation);
        answer.Content.CopyTo(target);
        return true;
    });

    public void Dispose()
    {
    }

    private static bool IsTheirs(Exception exception) => exception is RequestFailedException or AuthenticationFailedException or AggregateException;

    private T Guarded<T>(string key, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception exception) when (IsTheirs(exception))
        {
            throw Told(key, exception);
        }
    }

    private InputException Told(string key, Exception exception)
    {
        StoreAddress address = _container with { Key = key };
        return exception switch
        {
            RequestFailedException { Status: > 0 } answered => StoreError.Of(address, answered.Status, answered.ErrorCode, answered.Message),
            AuthenticationFailedException => StoreError.WithoutCredentials(address, exception.Message),
            _ => StoreError.Of(address, 0, null, exception.GetBaseException().Message),
        };
    }
}
