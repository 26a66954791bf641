using System.Net;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A caller that goes away, wherever its call is, and a server that ends under calls: no error.</summary>
public sealed class GoneCallerTests
{
    private const int Times = 40;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_that_break_off_are_no_error_of_the_server(bool cutsConnection)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        var random = new Random(1);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(new float[1 << 20])) };
        ShardServer server = await ShardServer.StartAsync(host);
        for (int time = 0; time < Times; time++)
        {
            await using var relay = new Relay(new IPEndPoint(IPAddress.Loopback, server.Address.Port));
            await using var client = new GrpcShardClient(new Uri($"http://{relay.EndPoint}"), 0, TimeProvider.System);
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            await using var worker = new TestWorker { OnOpened = stream => stream.Send(1, Samples.Contribution([.. Enumerable.Repeat(65_536, 20)])) };
            Task[] calls =
            [
                client.InitializeAsync("job", new float[1 << 20], leave.Token),
                client.WorkAsync("job", TestWorker.Id, worker, leave.Token),
                WatchAsync(client, leave.Token),
            ];
            // Somewhere in what the calls send: as they begin, or in the midst of values and sums.
            await relay.PassedAsync(random.Next(time % 2 == 0 ? 2_000 : 10 << 20)).WaitAsync(cancellation);
            if (cutsConnection)
            {
                relay.Cut();
            }

            await leave.CancelAsync();
            await EndAsync(calls);
        }

        await server.DisposeAsync();
        Assert.True(server.Errors.Count == 0, string.Join(Environment.NewLine, server.Errors));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_that_breaks_off_is_none(bool cutsConnection)
    {
        var random = new Random(1);
        var progress = new ShardProgress(1, new Cursor(0, 1, 0), [.. Enumerable.Range(0, 1 << 20)]);
        ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        for (int time = 0; time < Times; time++)
        {
            await using var relay = new Relay(new IPEndPoint(IPAddress.Loopback, server.Address.Port));
            await using var client = new GrpcShardClient(new Uri($"http://{relay.EndPoint}"), 0, TimeProvider.System);
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            Task call = client.ProgressAsync("job", progress, leave.Token);
            await relay.PassedAsync(random.Next(100_000)).WaitAsync(leave.Token);
            if (cutsConnection)
            {
                relay.Cut();
            }

            await leave.CancelAsync();
            await EndAsync([call]);
        }

        await server.DisposeAsync();
        Assert.True(server.Errors.Count == 0, string.Join(Environment.NewLine, server.Errors));
    }

    private static async Task EndAsync(Task[] calls) => await Task.WhenAll(calls).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static async Task WatchAsync(GrpcShardClient client, CancellationToken cancellation)
    {
        await foreach (StepReport _ in client.WatchAsync("job", 0, cancellation))
        {
        }
    }
}
