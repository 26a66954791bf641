using System.Diagnostics;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Versions reach a worker whole, and their memory is let go of.</summary>
public abstract class TurnTests(StreamTransport transport)
{
    /// <summary>More than all buffers of a connection hold.</summary>
    private const int Large = 16 << 20;

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(262_144)]
    [InlineData(524_288)]
    [InlineData(2_000_003)]
    public async Task A_version_of_any_size(int count)
    {
        float[] values = Samples.Floats(count);
        int released = 0;
        var trace = new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded);
        var version = new PulledVersion(Samples.Cursor, true, values, new short[] { -126, 0, 127 }, () => released++)
        {
            Gathered = TimeProvider.System.GetTimestamp() - (TimeProvider.System.TimestampFrequency / 10),
            Trace = trace,
        };
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(new TurnMessage(version)) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        var staged = new List<Cursor>();
        await using var worker = new TestWorker { Room = new float[count], OnStage = staged.Add };

        await worker.OpenAsync(client);
        OfferedVersion offered = await worker.NextAsync<OfferedVersion>();

        Assert.Equal((Samples.Cursor, true, count * 4L), (offered.Cursor, offered.Finished, offered.Bytes));
        Assert.Equal([-126, 0, 127], offered.Hints);
        Assert.True(offered.SyncMs >= 100 && offered.SyncMs >= offered.ReceiveMs, "The time that receiving took is added.");
        Assert.Equal((trace.TraceId, trace.SpanId), (offered.Trace.TraceId, offered.Trace.SpanId));
        Assert.Equal([Samples.Cursor], staged);
        Assert.True(MemoryMarshal.AsBytes(values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(worker.Room.AsSpan())));
        await server.DisposeAsync();
        Assert.Equal(1, released);
    }

    /// <summary>Whichever end rounds, a worker has the same bits; where the numbers travel, parameters take half as much.</summary>
    [Fact]
    public async Task A_version_of_which_parameters_are_pulled_as_bfloat16()
    {
        var rounding = new PullRounding(PullFormat.BFloat16, [(TensorKind.Parameter, 300_000), (TensorKind.Parameter, 7), (TensorKind.Buffer, 33), (TensorKind.Parameter, 1), (TensorKind.Buffer, 5), (TensorKind.Parameter, 3)]);
        float[] values = Samples.Floats(300_049);
        float[] expected = new float[values.Length];
        rounding.Apply(values, expected);
        var version = new PulledVersion(Samples.Cursor, false, values, new short[] { 1 }, () => { }) { Rounding = rounding, Contribution = 16, Pull = PullFormat.BFloat16 };
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(new TurnMessage(version)) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker { Room = new float[values.Length] };

        await worker.OpenAsync(client);
        OfferedVersion offered = await worker.NextAsync<OfferedVersion>();

        Assert.Equal(new JobFormats(16, PullFormat.BFloat16), offered.Format);
        Assert.Equal((transport == StreamTransport.Grpc, transport == StreamTransport.Grpc ? (2L * 300_011) + (4 * 38) : 4L * 300_049), (offered.IsRounded, offered.Bytes));
        Assert.True(MemoryMarshal.AsBytes((offered.IsRounded ? expected : values).AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(worker.Room.AsSpan())));
    }

    [Fact]
    public async Task A_version_that_the_worker_holds_comes_without_values()
    {
        int released = 0;
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(release: () => released++)) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        Cursor[] held = [Samples.Cursor, new(2, 0, 0)];
        await using var worker = new TestWorker { Versions = held, OnStage = _ => Assert.Fail("There is nothing to take in.") };

        await worker.OpenAsync(client);
        OfferedVersion offered = await worker.NextAsync<OfferedVersion>();

        Assert.Equal((Samples.Cursor, false, -1.0, 0.0, 0L), (offered.Cursor, offered.Finished, offered.SyncMs, offered.ReceiveMs, offered.Bytes));
        Assert.Equal(default, offered.Trace);
        FakeStepSession session = await host.NextSessionAsync();
        Assert.Equal(("job", TestWorker.Id), (session.Hello.JobId, session.Hello.WorkerId));
        Assert.Equal(held, session.Hello.Held);
        await server.DisposeAsync();
        Assert.Equal(1, released);
    }

    [Fact]
    public async Task Values_that_are_not_wanted_are_passed_over()
    {
        var host = new FakeShardHost
        {
            OnAttach = session =>
            {
                session.Sink.Send(Samples.Turn(new float[600_000], step: 1));
                session.Sink.Send(Samples.Turn(step: 2));
            },
        };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();

        await worker.OpenAsync(client);

        Assert.Equal(1, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
        Assert.Equal(2, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
    }

    [Fact]
    public async Task Room_of_another_size_is_an_error()
    {
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(new float[3])) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker { Room = new float[4] };

        await worker.OpenAsync(client);

        Assert.Equal(ProtocolError.Invalid, (await Assert.ThrowsAsync<ProtocolException>(() => worker.Working)).Error);
        await worker.NextAsync<TestWorker.EndedEvent>();
        await (await host.NextSessionAsync()).EndAsync();
    }

    [Fact]
    public async Task Of_turns_that_were_not_sent_the_newest_two_are_kept()
    {
        using var reads = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(new float[Large], step: 1)) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker
        {
            OnStage = _ =>
            {
                begun.TrySetResult();
                reads.Wait(TimeSpan.FromSeconds(60));
            },
        };
        await worker.OpenAsync(client);
        FakeStepSession session = await host.NextSessionAsync();
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);
        var dropped = new List<int>();

        session.Sink.Send(Samples.Turn(new float[Large], step: 2, release: () => dropped.Add(2)));
        session.Sink.Send(Samples.Turn(new float[Large], step: 3, release: () => dropped.Add(3)));
        Assert.Empty(dropped);
        session.Sink.Send(new GrantMessage(Samples.Cursor, [1], 1));
        session.Sink.Send(Samples.Turn(step: 4, release: () => dropped.Add(4)));
        Assert.Equal([2], dropped);
        session.Sink.Send(Samples.Turn(step: 5));
        Assert.Equal([2, 3], dropped);
        reads.Set();

        Assert.Equal(1, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
        await worker.NextAsync<GrantMessage>();
        // Another shard may still be at it, and need this worker.
        Assert.Equal(4, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
        Assert.Equal(5, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
    }

    [Fact]
    public async Task What_is_not_sent_when_the_stream_ends_and_what_comes_later_is_let_go_of()
    {
        using var reads = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var released = new TaskCompletionSource[] { Signal(), Signal(), Signal() };
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(new float[Large], step: 1, release: released[0].SetResult)) };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker
        {
            OnStage = _ =>
            {
                begun.TrySetResult();
                reads.Wait(TimeSpan.FromSeconds(60));
            },
        };
        await worker.OpenAsync(client);
        FakeStepSession session = await host.NextSessionAsync();
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);
        session.Sink.Send(Samples.Turn(step: 2, release: released[1].SetResult));

        await worker.CancelAsync();
        reads.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.Working);
        await session.EndAsync();
        await released[0].Task.WaitAsync(TestContext.Current.CancellationToken);
        await released[1].Task.WaitAsync(TestContext.Current.CancellationToken);
        session.Sink.Send(Samples.Turn(step: 3, release: released[2].SetResult));
        Assert.True(released[2].Task.IsCompleted);
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

public sealed class GrpcTurnTests() : TurnTests(StreamTransport.Grpc);

public sealed class SharedTurnTests() : TurnTests(StreamTransport.Shared);
