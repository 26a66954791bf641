using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Azure.Storage.Blobs;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests.Stores;

/// <summary>Data in object stores: servers of them on this machine, and one that does what stores should not.</summary>
public sealed class ObjectStoreTests : IDisposable
{
    private const string NotInstalled = "s3rver and Azurite are not installed below artifacts/stores; .ci/run does it.";
    private const string Rows = "x,y\n1,0\n2,1\n3,1\n";

    private readonly DataFolder folder = new();
    private readonly TestEnvironment environment = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        environment.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Objects_of_s3_are_read_once()
    {
        using NodeServer server = await S3Async();
        using (var client = new AmazonS3Client("S3RVER", "S3RVER", new AmazonS3Config { ServiceURL = $"http://127.0.0.1:{server.Port}", ForcePathStyle = true, RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED }))
        {
            await client.PutBucketAsync("data", Cancellation);
            await Put("deep/part-1.csv", Rows);
            await Put("deep/part-2.csv", "x,y\n4,0\n");
            await Put("deep/below/part-3.csv", "no,such\n");
            await client.PutObjectAsync(new PutObjectRequest { UseChunkEncoding = false, BucketName = "data", Key = "photos/cat/a.png", InputStream = new MemoryStream(Pngs.Of(1, 1, 1, (_, _, _) => 3)) }, Cancellation);
            await client.PutObjectAsync(new PutObjectRequest { UseChunkEncoding = false, BucketName = "data", Key = "photos/dog/b.png", InputStream = new MemoryStream(Pngs.Of(1, 1, 1, (_, _, _) => 4)) }, Cancellation);

            Task Put(string key, string text) => client.PutObjectAsync(new PutObjectRequest { UseChunkEncoding = false, BucketName = "data", Key = key, ContentBody = text }, Cancellation);
        }

        CheckRows("s3://data/deep/");
        var photos = new DataSpec { Format = DataFormat.Images, Train = "s3://data/photos", Image = new ImageSpec { Shape = [1, 1, 1] } };
        using (var data = folder.Open(photos, loss: LossKind.CrossEntropy))
        {
            Assert.Equal([[3f], [4f]], data.Train.All().Features);
        }

        Refused("s3://data/deep/none.csv", "There is no such object.");
        Refused("s3://data/none/*.csv", "No object is called '*.csv'.");
        Refused("s3://nowhere/a.csv", "There is no bucket 'nowhere'.");
        // Of a signature this store looks at no more than whose it is.
        environment["AWS_ACCESS_KEY_ID"] = "NOBODY";
        Refused("s3://data/deep/part-1.csv", "The object store refuses access (403");
    }

    [Fact]
    public async Task Blobs_of_azure_are_read_once()
    {
        string place = Directory.CreateDirectory(folder["azurite"]).FullName;
        using NodeServer? server = await NodeServer.StartAsync("azurite/dist/src/blob/main.js", port => ["--blobHost", "127.0.0.1", "--blobPort", $"{port}", "--location", place, "--skipApiVersionCheck", "--disableTelemetry"], "successfully listens", Cancellation);
        Assert.SkipWhen(server is null, NotInstalled);
        string Connection(string key) => $"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};BlobEndpoint=http://127.0.0.1:{server.Port}/devstoreaccount1;";
        // The key that every Azurite has.
        environment["AZURE_STORAGE_CONNECTION_STRING"] = Connection("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");
        BlobContainerClient container = new BlobServiceClient(Environment.GetEnvironmentVariable("AZURE_STORAGE_CONNECTION_STRING")).GetBlobContainerClient("data");
        await container.CreateAsync(cancellationToken: Cancellation);
        await container.UploadBlobAsync("deep/part-1.csv", BinaryData.FromString(Rows), Cancellation);
        await container.UploadBlobAsync("deep/part-2.csv", BinaryData.FromString("x,y\n4,0\n"), Cancellation);
        await container.UploadBlobAsync("deep/below/part-3.csv", BinaryData.FromString("no,such\n"), Cancellation);
        CheckRows("azblob://data/deep/");
        Refused("azblob://data/deep/none.csv", "There is no such object.");
        Refused("azblob://nowhere/a.csv", "There is no container 'nowhere'.");
        environment["AZURE_STORAGE_CONNECTION_STRING"] = Connection("d3Jvbmc=");
        Refused("azblob://data/deep/part-1.csv", "The object store refuses access (403");
        environment["AZURE_STORAGE_CONNECTION_STRING"] = "nonsense";
        Assert.Contains("is no connection string", Error("azblob://data/a.csv").Message, StringComparison.Ordinal);
        environment["AZURE_STORAGE_CONNECTION_STRING"] = null;
        environment["AZURE_STORAGE_ACCOUNT"] = null;
        Refused("azblob://data/a.csv", "The environment does not say which storage account this is.");
    }

    [Fact]
    public void A_store_that_breaks_off_refuses_or_is_not_there_is_told()
    {
        using var broken = new BrokenStore();
        Use(broken.Port);
        Refused("s3://data/broken.csv", "The object store broke off after 10 of 1000 bytes, 3 times");
        Assert.DoesNotContain(Directory.GetFiles(folder.Cache), path => path.Contains(".object", StringComparison.Ordinal));
        Refused("s3://data/secret.csv", "The object store refuses access (403");
        Refused("s3://data/ill.csv", "The object store answers 501");
        Refused("s3://data/odd.csv", "The object store's answer makes no sense");
        broken.Dispose();
        Refused("s3://data/gone.csv", "The object store cannot be reached:");
    }

    private void CheckRows(string place)
    {
        var spec = folder.Csv(Rows, "y") with { TrainMore = [folder.Write("more.csv", "x,y\n4,0\n")] };
        using var local = folder.Open(spec);
        DataSets.CheckBeginnings(spec with { Train = place + "part-1.csv", TrainMore = [] });
        foreach (var stored in new[] { spec with { Train = place + "part-1.csv", TrainMore = [place + "part-2.csv"] }, spec with { Train = place + "part-*.csv", TrainMore = [] } })
        {
            using var data = folder.Open(stored);
            Assert.Equal(local.Train.All().Features, data.Train.All().Features);
            Assert.Equal(local.Fingerprint, data.Fingerprint);
        }

        Assert.Equal(2, Directory.GetFiles(folder.Cache, "*.object.csv").Length);
        var error = folder.Refused(spec with { Train = place + "part-1.csv", TrainMore = [], Labels = ["z"] });
        Assert.Equal(place + "part-1.csv", error.File);
    }

    private InputError Error(string address) => folder.Refused(new DataSpec { Format = DataFormat.Csv, Train = address, Labels = ["y"] });

    private void Refused(string address, string message)
    {
        var error = Error(address);
        Assert.Equal(address, error.File);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    private async Task<NodeServer> S3Async()
    {
        string place = Directory.CreateDirectory(folder["s3"]).FullName;
        NodeServer? server = await NodeServer.StartAsync("s3rver/bin/s3rver.js", port => ["--address", "127.0.0.1", "--port", $"{port}", "--directory", place], "listening", Cancellation);
        Assert.SkipWhen(server is null, NotInstalled);
        Use(server.Port);
        return server;
    }

    private void Use(int port)
    {
        environment["AWS_ENDPOINT_URL"] = $"http://127.0.0.1:{port}";
        environment["AWS_ACCESS_KEY_ID"] = "S3RVER";
        environment["AWS_SECRET_ACCESS_KEY"] = "S3RVER";
        environment["AWS_REGION"] = null;
    }
}
