using System.Net;
using System.Net.Sockets;

namespace Lockstep.Scheduler.Tests.Servers;

/// <summary>Between a client and a server on the loopback interface: counts what goes through, keeps answers back, cuts connections.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly EndPoint _server;
    private readonly Lock _gate = new();
    private readonly List<Socket> _sockets = [];
    private readonly Task _accepting;
    private TaskCompletionSource? _kept;
    private volatile bool _isStalled;
    private (long Bytes, TaskCompletionSource Done)? _awaited;
    private long _sent;
    private long _passed;

    public Relay(EndPoint server)
    {
        _server = server;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public EndPoint EndPoint => _listener.LocalEndpoint;

    /// <value>Bytes from clients to the server.</value>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Waits until so many bytes have come, both ways together. One waits at a time.</summary>
    public Task PassedAsync(long bytes)
    {
        lock (_gate)
        {
            if (_passed >= bytes)
            {
                return Task.CompletedTask;
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = (bytes, done);
            return done.Task;
        }
    }

    /// <summary>From now on answers get lost, until <see cref="Cut"/>.</summary>
    /// <returns>Ends when the first one is.</returns>
    public Task LoseAnswers()
    {
        lock (_gate)
        {
            _kept = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _kept.Task;
        }
    }

    /// <summary>From now on nothing passes, either way, and nobody is told: as of a machine that is cut off.</summary>
    public void Stall() => _isStalled = true;

    /// <summary>Breaks all connections; new ones may be made.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            _kept = null;
            foreach (Socket socket in _sockets)
            {
                socket.Dispose();
            }

            _sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Cut();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }

        Cut();
        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        lock (_gate)
        {
            _sockets.AddRange([client, server]);
        }

        try
        {
            await server.ConnectAsync(_server, _stop.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            client.Dispose();
            server.Dispose();
            return;
        }

        await Task.WhenAll(PumpAsync(client, server, isAnswer: false), PumpAsync(server, client, isAnswer: true));
    }

    private async Task PumpAsync(Socket from, Socket to, bool isAnswer)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var count)
            {
                Pass(count);
                if (_isStalled)
                {
                    continue;
                }

                if (!isAnswer)
                {
                    Interlocked.Add(ref _sent, count);
                }
                else if (IsLost())
                {
                    continue;
                }

                await to.SendAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private void Pass(int count)
    {
        lock (_gate)
        {
            _passed += count;
            if (_awaited is { } awaited && _passed >= awaited.Bytes)
            {
                _awaited = null;
                awaited.Done.SetResult();
            }
        }
    }

    private bool IsLost()
    {
        lock (_gate)
        {
            _kept?.TrySetResult();
            return _kept is not null;
        }
    }
}
