using System.Net.Sockets;
using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Numbers between processes of one host lie in memory that both have mapped, and whoever lies about them is refused.</summary>
public sealed class SharedMemoryTests : IDisposable
{
    private const uint AllowSealing = 2;
    private const int KeepSize = 1;
    private const int Punch = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_version_is_read_where_it_is()
    {
        using IVersionRoom room = new SharedMemory().Versions(5000);
        float[] values = Samples.Floats(5000);
        values.CopyTo(room.Values.Span);
        room.Publish(Samples.Cursor);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Turn(room.Values)) };
        await using ShardServer server = await StartAsync(host);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker { OnStage = _ => Assert.Fail("There is nothing to take in.") };

        await worker.OpenAsync(client);
        OfferedVersion offered = await worker.NextAsync<OfferedVersion>();

        Assert.Equal("memory", client.Path);
        PlacedValues placed = offered.Placed!;
        Assert.True(MemoryMarshal.AsBytes(values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(placed.Values.Span)));
        Assert.True(placed.IsWhole());

        // The next version is about to be computed there.
        room.Withdraw();
        Assert.False(placed.IsWhole());
        room.Publish(Samples.Cursor with { Step = Samples.Cursor.Step + 1 });
        Assert.False(placed.IsWhole());
    }

    [Fact]
    public async Task A_memory_serves_version_after_version_and_travels_once()
    {
        using IVersionRoom room = new SharedMemory().Versions(100);
        var host = new FakeShardHost { OnAttach = _ => { } };
        await using ShardServer server = await StartAsync(host);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        worker.Start(client);
        FakeStepSession session = await host.NextSessionAsync();
        for (int step = 0; step < 3; step++)
        {
            room.Withdraw();
            room.Values.Span.Fill(step);
            room.Publish(Samples.Cursor with { Step = step });
            session.Sink.Send(Turn(room.Values, step));
            if (step == 0)
            {
                await worker.NextAsync<TestWorker.OpenedEvent>();
            }

            OfferedVersion offered = await worker.NextAsync<OfferedVersion>();

            Assert.Equal(step, offered.Placed!.Values.Span[99]);
            Assert.True(offered.Placed.IsWhole());
        }
    }

    [Fact]
    public async Task Sums_are_taken_out_of_the_workers_memory_before_they_are_looked_at()
    {
        Memory<int> sums = new SharedMemory().Sums(10_000);
        for (int i = 0; i < sums.Length; i++)
        {
            sums.Span[i] = i * -77_777;
        }

        var reached = new TaskCompletionSource();
        using var changed = new ManualResetEventSlim();
        var push = new FakePushSession(Samples.Contribution())
        {
            OnAdd = _ =>
            {
                reached.TrySetResult();
                changed.Wait(TestContext.Current.CancellationToken);
            },
        };
        var host = new FakeShardHost { OnPush = _ => push };
        await using ShardServer server = await StartAsync(host);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();

        Contribution contribution = Samples.Contribution(1, 1);
        stream.Send(7, contribution with { Chunks = [contribution.Chunks[0] with { Sums = sums[..4000] }, contribution.Chunks[1] with { Sums = sums[4000..] }] });
        await reached.Task;
        // While the first chunk is being looked at.
        int[] before = push.Chunks[0].Sums.ToArray();
        sums.Span[..4000].Clear();
        changed.Set();
        await worker.NextAsync<AnswerMessage>();

        Assert.Equal(Enumerable.Range(0, 4000).Select(i => i * -77_777), before);
        Assert.Equal(before, push.Chunks[0].Sums.ToArray());
        Assert.Equal(Enumerable.Range(4000, 6000).Select(i => i * -77_777), push.Chunks[1].Sums.ToArray());
    }

    [Theory]
    [InlineData(1, 0, 11, "11 numbers from number 0 on of region 1, which has 10")]
    [InlineData(1, 8, 3, "3 numbers from number 8 on of region 1, which has 10")]
    [InlineData(1, -1, 2, "2 numbers from number -1 on of region 1, which has 10")]
    [InlineData(1, 2, -1, "-1 numbers from number 2 on of region 1, which has 10")]
    [InlineData(1, int.MaxValue, int.MaxValue, "of region 1, which has 10")]
    [InlineData(2, 0, 1, "region 2, which did not come")]
    public void A_place_that_there_is_not_is_refused(int region, int offset, int count, string reason)
    {
        (LocalSocket one, LocalSocket other) = SocketPair.Connect(_folder.FullName);
        using (one)
        using (other)
        using (SharedRegion made = SharedRegion.Create(10 * sizeof(int)))
        using (var inbox = new Inbox(other))
        {
            one.Send(new Outgoing(Region: made), new Outgoing(new TensorFrame { Index = 1 }));
            inbox.Next()!.Dispose();
            // The number is the maker's own; the test speaks of the first.
            int number = region == 1 ? made.Number : made.Number + 1;

            ProtocolException exception = Assert.Throws<ProtocolException>(() => inbox.At<int>(new Place(number, offset, count), out _));

            Assert.Contains(reason.Replace($"region {region}", $"region {number}", StringComparison.Ordinal), exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_may_become_shorter_or_is_shorter_than_said_is_refused()
    {
        using var unsealed = File.OpenHandle(Path.Combine(_folder.FullName, "file"), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(unsealed, 8192);
        Assert.Contains("not sealed", Assert.Throws<ProtocolException>(() => SharedRegion.Attach(1, unsealed, 4096)).Message, StringComparison.Ordinal);

        using SharedRegion made = SharedRegion.Create(100);
        using var again = new SafeFileHandle(made.File!.DangerousGetHandle(), ownsHandle: false);
        Assert.Contains("has 100 bytes, not 101", Assert.Throws<ProtocolException>(() => SharedRegion.Attach(1, again, 101)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_whose_pages_are_not_there_is_refused()
    {
        using SafeFileHandle sparse = MakeFile("sparse", AllowSealing);
        RandomAccess.SetLength(sparse, 4096 + 1_000_000);
        Libc.Seal(sparse);

        Assert.Contains("they are not all there", Assert.Throws<ProtocolException>(() => SharedRegion.Attach(1, sparse, 1_000_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_region_can_neither_be_cut_nor_written_through_its_file()
    {
        using SharedRegion made = SharedRegion.Create(100);

        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(made.File!, 10));
        Assert.ThrowsAny<Exception>(() => RandomAccess.Write(made.File!, new byte[10], 4096));
        // Nor by its maker, who has it mapped: no page of it goes away under a reader.
        Assert.NotEqual(0, PunchHole(made.File!, KeepSize | Punch, 4096, 4096));
        made.Memory<int>().Span[3] = 5;
        Assert.Equal(5, made.Memory<int>().Span[3]);
    }

    [Fact]
    public async Task A_server_without_shared_memory_is_reached_over_grpc_and_it_is_said_why()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        var log = new MemoryLogger();
        await using var client = new GrpcShardClient(server.Address, 0, TimeProvider.System, log, transport: StreamTransport.Auto);
        await using var worker = new TestWorker();

        await worker.OpenAsync(client);

        Assert.Equal("grpc", client.Path);
        Assert.Contains(log.Messages, line => line.Contains("over gRPC, not shared memory: the parameter server shares no memory", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_socket_that_cannot_be_reached_is_no_error_unless_shared_memory_is_demanded()
    {
        await using ShardServer server = await StartAsync(new FakeShardHost());
        File.Delete(Assert.Single(Directory.GetFiles(_folder.FullName)));
        await using var client = new GrpcShardClient(server.Address, 0, TimeProvider.System, transport: StreamTransport.Auto);
        await using (var worker = new TestWorker())
        {
            await worker.OpenAsync(client);
            Assert.Equal("grpc", client.Path);
        }

        await using GrpcShardClient strict = server.Client();
        InputException exception = await Assert.ThrowsAsync<InputException>(() => strict.WorkAsync("job", TestWorker.Id, new TestWorker(), TestContext.Current.CancellationToken));
        Assert.Contains("cannot be reached from here", exception.Message, StringComparison.Ordinal);
        Assert.Contains("auto", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_finds_the_socket_gone_in_mid_job_goes_on_over_grpc_and_says_so()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await StartAsync(host);
        var log = new MemoryLogger();
        await using var client = new GrpcShardClient(server.Address, 0, TimeProvider.System, log, transport: StreamTransport.Auto);
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        Assert.Equal("memory", client.Path);

        File.Delete(Assert.Single(Directory.GetFiles(_folder.FullName)));
        (await host.NextSessionAsync()).Sink.End(null);
        await worker.Working;
        await worker.NextAsync<TestWorker.EndedEvent>();
        _ = worker.Start(client);

        IStepStream stream = (await worker.NextAsync<TestWorker.OpenedEvent>()).Stream;
        await worker.NextAsync<OfferedVersion>();
        stream.Send(3, Samples.Contribution(1000));
        Assert.Equal(3, (await worker.NextAsync<AnswerMessage>()).Push);
        Assert.Equal("grpc", client.Path);
        Assert.Contains(log.Messages, line => line.Contains("over gRPC, not shared memory: its socket", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_shard_that_dies_while_it_computes_a_version_leaves_one_that_is_not_whole()
    {
        IVersionRoom room = new SharedMemory().Versions(1000);
        room.Publish(Samples.Cursor);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Turn(room.Values)) };
        PlacedValues placed;
        await using (ShardServer server = await StartAsync(host))
        {
            await using GrpcShardClient client = server.Client();
            await using var worker = new TestWorker();
            await worker.OpenAsync(client);
            placed = (await worker.NextAsync<OfferedVersion>()).Placed!;

            // It is about to overwrite it, and is gone with all its memory.
            room.Withdraw();
            room.Values.Span[..500].Fill(7);
            room.Dispose();
        }

        Assert.Equal(7, placed.Values.Span[499]);
        Assert.False(placed.IsWhole());
    }

    [Fact]
    public async Task Nobody_comes_in_without_the_token()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await StartAsync(host);
        string path = Assert.Single(Directory.GetFiles(_folder.FullName));

        foreach (Outgoing first in new[] { new Outgoing(Token: new byte[16]), new Outgoing(new TensorFrame { Index = 1 }) })
        {
            using LocalSocket stranger = LocalSocket.Connect(path);
            stranger.Send(first);
            using var inbox = new Inbox(stranger);
            Assert.Null(inbox.Next());
        }

        Assert.Empty(host.Calls);
    }

    [Fact]
    public async Task What_dead_servers_left_is_removed_and_what_is_alive_stays()
    {
        string dead = Path.Combine(_folder.FullName, "lockstep-dead.sock");
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(dead));
        }

        // A socket that is closed in order removes its file.
        if (!File.Exists(dead))
        {
            File.WriteAllText(dead, "");
        }

        await using ShardServer first = await StartAsync(new FakeShardHost());
        string alive = Assert.Single(Directory.GetFiles(_folder.FullName));
        await using (await StartAsync(new FakeShardHost()))
        {
            Assert.Equal(2, Directory.GetFiles(_folder.FullName).Length);
        }

        Assert.Equal([alive], Directory.GetFiles(_folder.FullName));
    }

    [DllImport("libc", EntryPoint = "memfd_create", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle MakeFile([MarshalAs(UnmanagedType.LPStr)] string name, uint flags);

    [DllImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int PunchHole(SafeFileHandle file, int mode, long offset, long length);

    private Task<ShardServer> StartAsync(IShardHost host) => ShardServer.StartAsync(host, transport: StreamTransport.Shared, sockets: _folder.FullName);

    private static TurnMessage Turn(ReadOnlyMemory<float> values, long? step = null) =>
        new(new PulledVersion(Samples.Cursor with { Step = step ?? Samples.Cursor.Step }, false, values, new short[] { 5 }, () => { }));
}
