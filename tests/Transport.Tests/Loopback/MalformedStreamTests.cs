using Google.Protobuf;
using Grpc.Core;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A stream that is none is refused, and says why.</summary>
public sealed class MalformedStreamTests
{
    private static readonly Protos.Cursor Cursor = new() { Step = 1 };
    private static readonly WorkerHeader Hello = new() { Hello = new Hello { JobId = "job", WorkerId = "w" } };

    [Theory]
    [InlineData("", "no message")]
    [InlineData("10 01", "no header")]
    [InlineData("0A 02 0A 05", "header cannot be read")]
    [InlineData("0A 02 32 00", "does not begin with a hello")]
    [InlineData("0A 02 7A 00", "does not begin with a hello")]
    [InlineData("1A 03 00 00 00", "no whole number of 32-bit values")]
    [InlineData("0A", "ends within a number")]
    public async Task Bytes_that_are_no_hello_are_refused(string hex, string why)
    {
        var host = SilentHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<byte[], ShardFrame> call = client.WorkBytes();
        if (hex.Length > 0)
        {
            await call.RequestStream.WriteAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), TestContext.Current.CancellationToken);
        }
        else
        {
            await call.RequestStream.CompleteAsync();
        }

        await AssertRefusedAsync(call, why);
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

    [Fact]
    public async Task Hashes_that_cannot_be_are_refused()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        using ForeignClient client = server.Foreign();
        using AsyncUnaryCall<AnnounceReply> announce = client.Announce(new AnnounceRequest { JobId = "job", Cursor = Cursor, BlockHashes = ByteString.CopyFrom(new byte[17]) });
        var hashes = await Assert.ThrowsAsync<RpcException>(() => announce.ResponseAsync);
        Assert.Contains("17 bytes", hashes.Status.Detail, StringComparison.Ordinal);
    }

    private static WorkerHeader Contribution(int chunks) => new() { Contribution = new ContributionHeader { Cursor = Cursor, Chunks = chunks } };

    private static byte[] Frame(WorkerHeader header, int chunk = 0) => new WorkerFrame { Header = header, ChunkPlusOne = chunk }.ToByteArray();

    /// <summary>Nothing is on its way to the worker that an end could cut off.</summary>
    private static FakeShardHost SilentHost() => new() { OnAttach = _ => { }, OnPush = header => new FakePushSession(header) { IsAnswered = false } };

    private static Task AssertRefusedAfterHelloAsync(string why, params byte[][] frames) => AssertRefusedAsync(SilentHost(), why, [Frame(Hello), .. frames]);

    private static async Task AssertRefusedAsync(FakeShardHost host, string why, params byte[][] frames)
    {
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<byte[], ShardFrame> call = client.WorkBytes();
        foreach (byte[] frame in frames)
        {
            await call.RequestStream.WriteAsync(frame, TestContext.Current.CancellationToken);
        }

        await AssertRefusedAsync(call, why);
        Assert.Empty(server.Errors);
    }

    private static async Task AssertRefusedAsync(AsyncDuplexStreamingCall<byte[], ShardFrame> call, string why)
    {
        var exception = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
            }
        });
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains(why, exception.Status.Detail, StringComparison.Ordinal);
    }
}
