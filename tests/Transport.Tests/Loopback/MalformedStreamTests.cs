using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A stream that is none is refused, and says why.</summary>
public abstract class MalformedStreamTests(StreamTransport transport)
{
    private protected static readonly Protos.Cursor Cursor = new() { Step = 1 };
    private protected static readonly WorkerHeader Hello = new() { Hello = new Hello { JobId = "job", WorkerId = "w" } };

    [Theory]
    [InlineData("10 01", "no header")]
    [InlineData("0A 02 0A 05", "header cannot be read")]
    [InlineData("0A 02 32 00", "does not begin with a hello")]
    [InlineData("0A 02 7A 00", "does not begin with a hello")]
    [InlineData("1A 03 00 00 00", "no whole number of 32-bit values")]
    [InlineData("0A", "ends within a number")]
    public async Task Bytes_that_are_no_hello_are_refused(string hex, string why)
    {
        var host = SilentHost();
        await AssertRefusedAsync(host, why, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        Assert.Empty(host.Calls);
    }

    [Fact]
    public async Task A_cursor_of_a_held_version_that_cannot_be_is_refused()
    {
        var host = SilentHost();
        await AssertRefusedAsync(host, "its cursor has the attempt 1", Frame(new WorkerHeader { Hello = new Hello { JobId = "job", Held = { new Protos.Cursor { Attempt = 1 } } } }));
        Assert.Empty(host.Calls);
    }

    [Fact]
    public Task A_second_hello_is_refused() => AssertRefusedAfterHelloAsync("says nothing that is known", Frame(Hello));

    [Fact]
    public Task A_header_that_says_nothing_is_refused() => AssertRefusedAfterHelloAsync("says nothing that is known", [0x0A, 0x02, 0x7A, 0x00]);

    [Fact]
    public Task Bytes_that_are_no_frame_are_refused() => AssertRefusedAfterHelloAsync("ends within a number", [0x10, 0x80]);

    [Fact]
    public Task A_header_that_is_cut_short_is_refused() => AssertRefusedAfterHelloAsync("header cannot be read", [0x0A, 0x02, 0x12, 0x05]);

    [Fact]
    public Task A_chunk_without_a_contribution_is_refused() => AssertRefusedAfterHelloAsync("a chunk came without a contribution", new WorkerFrame { ChunkPlusOne = 1 }.ToByteArray());

    [Fact]
    public Task A_message_of_nothing_is_refused() => AssertRefusedAfterHelloAsync("a chunk came without a contribution", Array.Empty<byte>());

    [Fact]
    public Task A_chunk_more_than_was_said_is_refused() =>
        AssertRefusedAfterHelloAsync("a chunk came without a contribution", Frame(Contribution(1), chunk: 1), new WorkerFrame { ChunkPlusOne = 2 }.ToByteArray());

    [Fact]
    public async Task A_contribution_within_another_is_refused()
    {
        var host = SilentHost();
        await AssertRefusedAsync(host, "2 chunks of the one before to come", Frame(Hello), Frame(Contribution(3), chunk: 1), Frame(Contribution(1), chunk: 1));

        FakeStepSession session = await host.NextSessionAsync();
        FakePushSession push = await session.NextPushAsync();
        await push.EndAsync();
        await session.EndAsync();
        Assert.False(push.Completed);
    }

    [Theory]
    [InlineData(1, "its cursor has the attempt 1")]
    [InlineData(-2, "its cursor has the attempt -2")]
    [InlineData(null, "it has no cursor")]
    public async Task A_cursor_that_cannot_be_is_refused(int? attempt, string why)
    {
        Protos.Cursor? cursor = attempt is { } known ? new Protos.Cursor { Step = 1, Attempt = known } : null;
        await AssertRefusedAfterHelloAsync(why, Frame(new WorkerHeader { Contribution = new ContributionHeader { Cursor = cursor } }));
        await AssertRefusedAfterHelloAsync(why, Frame(new WorkerHeader { Idle = new Idle { Cursor = cursor } }));
        await AssertRefusedAfterHelloAsync(why, Frame(new WorkerHeader { Progress = new SlotProgress { Cursor = cursor } }));
        await AssertRefusedAfterHelloAsync(why, Frame(new WorkerHeader { Evaluated = new EvaluatedSlot { Cursor = cursor } }));
    }

    private protected static WorkerHeader Contribution(int chunks) => new() { Contribution = new ContributionHeader { Cursor = Cursor, Chunks = chunks } };

    private protected static byte[] Frame(WorkerHeader header, int chunk = 0) => new WorkerFrame { Header = header, ChunkPlusOne = chunk }.ToByteArray();

    /// <summary>Nothing is on its way to the worker that an end could cut off.</summary>
    private protected static FakeShardHost SilentHost() => new() { OnAttach = _ => { }, OnPush = header => new FakePushSession(header) { IsAnswered = false } };

    private Task AssertRefusedAfterHelloAsync(string why, params byte[][] frames) => AssertRefusedAsync(SilentHost(), why, [Frame(Hello), .. frames]);

    private async Task AssertRefusedAsync(FakeShardHost host, string why, params byte[][] frames)
    {
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        (ProtocolError error, string reason) = transport == StreamTransport.Grpc ? await SpeakAsync(server, frames) : Speak(server, frames);
        Assert.Equal(ProtocolError.Invalid, error);
        Assert.Contains(why, reason, StringComparison.Ordinal);
        Assert.Empty(server.Errors);
    }

    private static async Task<(ProtocolError Error, string Reason)> SpeakAsync(ShardServer server, byte[][] frames)
    {
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<byte[], ShardFrame> call = client.WorkBytes();
        foreach (byte[] frame in frames)
        {
            await call.RequestStream.WriteAsync(frame, TestContext.Current.CancellationToken);
        }

        var exception = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
            }
        });
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        return (ProtocolError.Invalid, exception.Status.Detail);
    }

    private static (ProtocolError Error, string Reason) Speak(ShardServer server, byte[][] frames)
    {
        LocalReply offer = server.Offer();
        using LocalSocket socket = LocalSocket.Connect(offer.Path);
        socket.SendRaw((int)MessageKind.Token, offer.Token.Span);
        foreach (byte[] frame in frames)
        {
            socket.SendRaw((int)MessageKind.Frame, frame);
        }

        using var inbox = new Inbox(socket);
        var exception = Assert.Throws<ProtocolException>(inbox.Next);
        return (exception.Error, exception.Message);
    }
}

public sealed class GrpcMalformedStreamTests() : MalformedStreamTests(StreamTransport.Grpc)
{
    [Fact]
    public async Task One_without_a_message_is_refused()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<byte[], ShardFrame> call = client.WorkBytes();
        await call.RequestStream.CompleteAsync();

        var exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains("no message", exception.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hashes_that_cannot_be_are_refused()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        using ForeignClient client = server.Foreign();
        using AsyncUnaryCall<AnnounceReply> announce = client.Announce(new AnnounceRequest { JobId = "job", Cursor = new Protos.Cursor { Step = 1 }, BlockHashes = ByteString.CopyFrom(new byte[17]) });
        var hashes = await Assert.ThrowsAsync<RpcException>(() => announce.ResponseAsync);
        Assert.Contains("17 bytes", hashes.Status.Detail, StringComparison.Ordinal);
    }
}

/// <summary>And what only a socket can carry.</summary>
public sealed class SharedMalformedStreamTests() : MalformedStreamTests(StreamTransport.Shared)
{
    private const int RegionBytes = 4096;

    [Theory]
    [InlineData(2, -1, 0, "says that it has -1 bytes")]
    [InlineData(2, int.MaxValue, 0, "says that it has 2147483647 bytes")]
    [InlineData(0, 0, 0, "kind 0 with 0 bytes")]
    [InlineData(99, 3, 3, "kind 99 with 3 bytes")]
    [InlineData(1, 4, 4, "kind 1 with 4 bytes")]
    [InlineData(3, 12, 12, "kind 3 with 12 bytes")]
    [InlineData(4, 3, 3, "kind 4 with 3 bytes")]
    [InlineData(5, 0, 0, "kind 5 with 0 bytes")]
    [InlineData(6, 1, 1, "kind 6 with 1 bytes")]
    public Task A_message_that_is_none_is_refused(int kind, int length, int bytes, string why) => AssertRefusedAsync(why, socket => socket.SendRaw(kind, new byte[bytes], length));

    [Fact]
    public async Task A_region_that_comes_twice_is_refused()
    {
        using SharedRegion region = SharedRegion.Create(RegionBytes);
        await AssertRefusedAsync($"region {region.Number} comes twice", socket => socket.Send(new Outgoing(Region: region), new Outgoing(Region: region)));
    }

    [Fact]
    public async Task A_region_of_another_size_is_refused()
    {
        using SharedRegion region = SharedRegion.Create(RegionBytes);
        await AssertRefusedAsync("has 4096 bytes, not 0", socket => socket.SendRaw((int)MessageKind.Region, new byte[12], file: region.File));
    }

    [Fact]
    public async Task Files_that_are_nothing_are_refused_before_they_are_many()
    {
        using SharedRegion region = SharedRegion.Create(RegionBytes);
        await AssertRefusedAsync("files that are nothing", socket =>
        {
            for (int i = 0; i < 9; i++)
            {
                socket.SendRaw((int)MessageKind.Alive, [], file: region.File);
            }
        });
    }

    [Fact]
    public async Task Regions_without_end_are_refused()
    {
        SharedRegion[] regions = [.. Enumerable.Range(0, 257).Select(_ => SharedRegion.Create(1))];
        await AssertRefusedAsync("257 regions of memory", socket => socket.Send([.. regions.Select(region => new Outgoing(Region: region)), new Outgoing(new TensorFrame { Index = 1 })]));
        Array.ForEach(regions, region => region.Dispose());
    }

    [Fact]
    public async Task A_place_in_a_region_that_is_given_up_is_refused()
    {
        using SharedRegion region = SharedRegion.Create(RegionBytes);
        await AssertRefusedAsync($"region {region.Number}, which did not come", socket =>
        {
            TensorFrame frame = new() { Header = Contribution(1), Index = 1, Place = new Place(region.Number, 0, 1) };
            socket.Send(new Outgoing(Region: region), new Outgoing(Dropped: region.Number), new Outgoing(frame));
        });
    }

    /// <summary>Whoever lies is told so, and the server serves the next one.</summary>
    private static async Task AssertRefusedAsync(string why, Action<LocalSocket> speak)
    {
        await using ShardServer server = await ShardServer.StartAsync(SilentHost(), transport: StreamTransport.Shared);
        for (int i = 0; i < 2; i++)
        {
            LocalReply offer = server.Offer();
            using LocalSocket socket = LocalSocket.Connect(offer.Path);
            socket.SendRaw((int)MessageKind.Token, offer.Token.Span);
            socket.SendRaw((int)MessageKind.Frame, Frame(Hello));
            speak(socket);
            using var inbox = new Inbox(socket);
            var exception = Assert.Throws<ProtocolException>(inbox.Next);
            Assert.Equal(ProtocolError.Invalid, exception.Error);
            Assert.Contains(why, exception.Message, StringComparison.Ordinal);
        }

        Assert.Empty(server.Errors);
    }
}
