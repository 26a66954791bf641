using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using Lockstep.Benchmarks;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Transport.Grpc;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>This program as a process that sends the same contribution and takes the same values over and over, as a worker's stream or as a plain echo. Prints the median of a round's milliseconds once its window is over, and goes on until its input ends.</summary>
internal static class WireClientCommand
{
    public const string Name = "wire-client";

    private static readonly Argument<string> Address = new("address");
    private static readonly Argument<long> Bytes = new("bytes");
    private static readonly Argument<string> Worker = new("worker");
    private static readonly Argument<double> Warm = new("warm");
    private static readonly Argument<double> Seconds = new("seconds");
    private static readonly Option<bool> IsEcho = new("--echo");

    public static Command Create()
    {
        var command = new Command(Name) { Address, Bytes, Worker, Warm, Seconds, IsEcho };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var model = new WireModel(parsed.GetValue(Bytes));
        var address = new Uri(parsed.GetValue(Address)!);
        var rounds = new RoundClock(TimeSpan.FromSeconds(parsed.GetValue(Warm)), TimeSpan.FromSeconds(parsed.GetValue(Seconds)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task running = parsed.GetValue(IsEcho) ? EchoAsync(address, model, rounds, stop.Token) : WorkAsync(address, model, rounds, parsed.GetValue(Worker)!, stop.Token);
        if (await Task.WhenAny(running, rounds.Over) == running)
        {
            await running;
            throw new InvalidOperationException("The stream ended before its window was over.");
        }

        Console.WriteLine((await rounds.Over).ToString(CultureInfo.InvariantCulture));
        await Console.In.ReadToEndAsync(cancellation);
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;
    }

    private static async Task EchoAsync(Uri address, WireModel model, RoundClock rounds, CancellationToken cancellation)
    {
        using GrpcChannel channel = GrpcChannels.Create(address, secret: null);
        using var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(EchoService.Method, null, new CallOptions(cancellationToken: cancellation));
        while (true)
        {
            rounds.Tick();
            await EchoFrames.WriteAsync(call.RequestStream, model.Frames.Up, cancellation);
            for (int i = 0; i < model.Frames.Down.Count; i++)
            {
                if (!await call.ResponseStream.MoveNext(cancellation))
                {
                    return;
                }

                call.ResponseStream.Current.Dispose();
            }
        }
    }

    private static async Task WorkAsync(Uri address, WireModel model, RoundClock rounds, string worker, CancellationToken cancellation)
    {
        await using var shard = new GrpcShardClient(address, 0, TimeProvider.System);
        await shard.WorkAsync("wire", worker, new Receiver(model, rounds), cancellation);
    }

    /// <summary>A worker that has its contribution to every version ready.</summary>
    private sealed class Receiver(WireModel model, RoundClock rounds) : IStepReceiver
    {
        private readonly float[] _values = new float[model.Values.Length];
        private IStepStream? _stream;
        private long _push;

        public IReadOnlyCollection<Cursor> Held(int shard) => [];

        public void Opened(int shard, IStepStream stream) => _stream = stream;

        public Memory<float>? Stage(int shard, Cursor version) => _values;

        public void Offered(int shard, OfferedVersion version)
        {
            rounds.Tick();
            _stream!.Send(++_push, model.Contribution with { Cursor = version.Cursor });
        }

        public void Received(int shard, ShardMessage message)
        {
        }

        public void Ended(int shard)
        {
        }
    }

    /// <summary>The times of rounds, of which those of a window count.</summary>
    private sealed class RoundClock(TimeSpan warm, TimeSpan length)
    {
        private const int Least = 10;

        private readonly List<double> _rounds = [];
        private readonly TaskCompletionSource<double> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly long _start = Stopwatch.GetTimestamp();
        private long? _begun;

        /// <value>The median, milliseconds.</value>
        public Task<double> Over => _over.Task;

        /// <summary>A round ends and another begins.</summary>
        public void Tick()
        {
            long now = Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(_start, now) < warm || _over.Task.IsCompleted)
            {
                return;
            }

            if (_begun is { } begun)
            {
                _rounds.Add(Stopwatch.GetElapsedTime(begun, now).TotalMilliseconds);
            }

            _begun = now;
            if (_rounds.Count >= Least && Stopwatch.GetElapsedTime(_start, now) >= warm + length)
            {
                _over.TrySetResult(Measured.Median(_rounds));
            }
        }
    }
}
