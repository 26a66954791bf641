using System.Net;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.Time.Testing;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Who is there and says nothing, as a process that is halted or a machine that is cut off, is noticed within five seconds on either end of either transport.</summary>
public sealed class PulseTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-");
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_silent_end_is_cut_off_at_the_fifth_silent_beat_and_one_that_speaks_is_not()
    {
        (LocalSocket one, LocalSocket other) = SocketPair.Connect(_folder.FullName);
        using (one)
        using (other)
        {
            int said = 0;
            using var pulse = new Pulse(one, () => said++, _time);
            // Nobody listens: nothing can be heard.
            Beat(20);
            Assert.Equal(20, said);

            Task<int> reading = await ListenAsync(one);
            Beat(4);
            other.SendRaw((int)MessageKind.Alive, []);
            Assert.True(await reading > 0);
            reading = await ListenAsync(one);
            // The first of them finds that it was heard.
            Beat(5);
            Assert.False(pulse.HasEnded);
            Assert.Equal(29, said);
            Beat(1);

            Assert.Equal(0, await reading.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
            Assert.True(pulse.HasEnded);
            Assert.Equal(29, said);
            Assert.Equal(0, await await ListenAsync(other));
        }
    }

    [Fact]
    public async Task A_worker_that_is_silent_on_shared_memory_loses_its_stream()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: StreamTransport.Shared, sockets: _folder.FullName, time: _time);
        LocalReply offer = server.Offer();
        using LocalSocket silent = LocalSocket.Connect(offer.Path);
        silent.Send(new Outgoing(Token: offer.Token.ToByteArray()), new Outgoing(new TensorFrame { Header = new WorkerHeader { Hello = new Hello { JobId = "job", WorkerId = "w" } } }));

        FakeStepSession session = await host.NextSessionAsync();

        await BeatUntilAsync(() => session.Disposed.Task.IsCompleted);
    }

    [Fact]
    public async Task Who_connects_and_says_nothing_is_let_go_of()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost(), transport: StreamTransport.Shared, sockets: _folder.FullName, time: _time);
        using LocalSocket silent = LocalSocket.Connect(server.Offer().Path);
        // It is told that the server is there, until it is not.
        Task end = Task.Run(
            () =>
            {
                while (silent.Receive(new byte[100], new Queue<SafeFileHandle>()) > 0)
                {
                }
            },
            TestContext.Current.CancellationToken);

        await BeatUntilAsync(() => end.IsCompleted);

        await end;
    }

    [Fact]
    public async Task A_shard_that_is_silent_on_shared_memory_is_left_and_tried_again()
    {
        (LocalSocket one, LocalSocket other) = SocketPair.Connect(_folder.FullName);
        using (other)
        {
            await using var worker = new TestWorker();
            Task working = MemoryStepStream.RunAsync(one, new byte[16], 0, "job", TestWorker.Id, worker, () => { }, _time, TestContext.Current.CancellationToken);

            await BeatUntilAsync(() => working.IsCompleted);

            var exception = await Assert.ThrowsAsync<RpcException>(() => working);
            Assert.Equal((StatusCode.Unavailable, "The shard was silent for 5 s."), (exception.StatusCode, exception.Status.Detail));
        }
    }

    [Fact]
    public async Task Over_grpc_both_ends_notice_that_nothing_passes_any_more()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var relay = new Relay(new IPEndPoint(IPAddress.Loopback, server.Address.Port));
        var log = new MemoryLogger();
        await using var client = new GrpcShardClient(new Uri($"http://{relay.EndPoint}"), 0, TimeProvider.System, log);
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        FakeStepSession session = await host.NextSessionAsync();

        relay.Stall();

        // By the pings, of the client and of the server: nobody sends anything.
        await Task.WhenAll(worker.Working, session.EndAsync());
        await worker.NextAsync<TestWorker.EndedEvent>();
        Assert.Contains("does not answer", log.Messages[0], StringComparison.Ordinal);
    }

    /// <summary>Reads on another thread; returns once that waits, or has read.</summary>
    private static async Task<Task<int>> ListenAsync(LocalSocket socket)
    {
        Task<int> reading = Task.Run(() => socket.Receive(new byte[100], new Queue<SafeFileHandle>()), TestContext.Current.CancellationToken);
        await Waiting.UntilAsync(() => reading.IsCompleted || socket.IsListening, "somebody listens");
        return reading;
    }

    private void Beat(int times)
    {
        for (int i = 0; i < times; i++)
        {
            _time.Advance(Pulse.Beat);
        }
    }

    private Task BeatUntilAsync(Func<bool> condition) => Waiting.UntilAsync(
        () =>
        {
            _time.Advance(Pulse.Beat);
            return condition();
        },
        "the stream ends");
}
