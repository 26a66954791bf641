using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Stores;

/// <summary>A bucket of Amazon S3, or of what is like it: where, and with which credentials, the usual variables of the environment say.</summary>
internal sealed class S3Store : IObjectStore
{
    /// <summary>Names a store that is no Amazon's.</summary>
    public const string Endpoint = "AWS_ENDPOINT_URL";

    private const string UsualRegion = "us-east-1";
    private const int Missing = 404;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly StoreAddress _bucket;
    private readonly AmazonS3Client _client;

    /// <param name="address">Any of the bucket.</param>
    public S3Store(StoreAddress address)
    {
        _bucket = address;
        var config = new AmazonS3Config { Timeout = Patience, MaxErrorRetry = 2 };
        if (Environment.GetEnvironmentVariable(Endpoint) is { Length: > 0 } endpoint)
        {
            config.ServiceURL = endpoint;
            config.ForcePathStyle = true;
            config.AuthenticationRegion = Environment.GetEnvironmentVariable("AWS_REGION") ?? UsualRegion;
        }

        _client = Guarded(address.Key, () => new AmazonS3Client(config));
    }

    public StoredObject? Find(string key) => Guarded<StoredObject?>(key, () =>
    {
        try
        {
            GetObjectMetadataResponse found = _client.GetObjectMetadataAsync(_bucket.Bucket, key).GetAwaiter().GetResult();
            return new StoredObject(key, found.ContentLength, found.ETag);
        }
        catch (AmazonS3Exception exception) when ((int)exception.StatusCode == Missing)
        {
            // The answer has no body, which would say whether there is a bucket: a list's has.
            List(key);
            return null;
        }
    });

    public IReadOnlyList<StoredObject> List(string prefix) => Guarded<StoredObject[]>(prefix, () =>
    {
        var found = new List<StoredObject>();
        var request = new ListObjectsV2Request { BucketName = _bucket.Bucket, Prefix = prefix };
        do
        {
            ListObjectsV2Response page = _client.ListObjectsV2Async(request).GetAwaiter().GetResult();
            found.AddRange((page.S3Objects ?? []).Select(one => new StoredObject(one.Key, one.Size ?? 0, one.ETag)));
            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);

        return [.. found.OrderBy(one => one.Key, StringComparer.Ordinal)];
    });

    public void Read(StoredObject stored, Stream target, CancellationToken cancellation) => Guarded(stored.Key, () =>
    {
        using GetObjectResponse answer = _client.GetObjectAsync(new GetObjectRequest { BucketName = _bucket.Bucket, Key = stored.Key, EtagToMatch = stored.Version }, cancellation).GetAwaiter().GetResult();
        answer.ResponseStream.CopyToAsync(target, cancellation).GetAwaiter().GetResult();
        return true;
    });

    public void Dispose() => _client.Dispose();

    private T Guarded<T>(string key, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception exception) when (exception is AmazonServiceException or AmazonClientException or HttpRequestException or TaskCanceledException { CancellationToken.IsCancellationRequested: false } or TimeoutException or ArgumentException or System.Xml.XmlException)
        {
            throw Told(key, exception);
        }
    }

    private InputException Told(string key, Exception exception)
    {
        StoreAddress address = _bucket with { Key = key };
        return exception switch
        {
            AmazonServiceException answered when (int)answered.StatusCode > 0 => StoreError.Of(address, (int)answered.StatusCode, answered.ErrorCode, answered.Message),
            AmazonClientException when exception.Message.Contains("redential", StringComparison.Ordinal) => StoreError.WithoutCredentials(address, exception.Message),
            ArgumentException or System.Xml.XmlException => StoreError.Nonsense(address, exception.Message),
            _ => StoreError.Of(address, 0, null, (exception.GetBaseException() ?? exception).Message),
        };
    }
}
