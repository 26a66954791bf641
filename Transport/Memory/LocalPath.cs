using System.Net.Sockets;
using Grpc.Core;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Memory;

/// <summary>Decides whether a worker's stream to one shard goes over shared memory, and gives that up for good where it cannot be.</summary>
internal sealed partial class LocalPath(StreamTransport transport, string server, ILogger? logger)
{
    /// <summary>Streams that broke before they were of use, or by the memory's fault.</summary>
    private const int MostFailures = 3;

    private bool _isGivenUp = transport == StreamTransport.Grpc;
    // Since a stream was open: a shard that dies as it is reached is no fault of the memory.
    private int _unopened;
    private int _failures;

    /// <summary>Connects to the shard's socket.</summary>
    /// <param name="ask">Asks the shard for it over gRPC.</param>
    /// <returns>Null: the stream is to go over gRPC.</returns>
    /// <exception cref="RpcException">The shard cannot be reached now.</exception>
    /// <exception cref="InputException">Shared memory was demanded.</exception>
    public async Task<(LocalSocket Socket, byte[] Token)?> ConnectAsync(Func<Task<LocalReply>> ask)
    {
        if (_isGivenUp)
        {
            return null;
        }

        if (SharedMemory.Missing is { } missing)
        {
            return GiveUp(missing);
        }

        LocalReply reply;
        try
        {
            reply = await ask();
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Unimplemented)
        {
            return GiveUp("it is of an older build");
        }

        if (reply.Path.Length == 0)
        {
            return GiveUp(reply.Missing);
        }

        LocalSocket socket;
        try
        {
            socket = LocalSocket.Connect(reply.Path);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"Nobody listens at {reply.Path}.", exception));
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            return GiveUp($"its socket {reply.Path} cannot be reached from here ({exception.Message}): it is on another host, or shares no folder with this process");
        }

        if (socket.PeerUser != Libc.EffectiveUser())
        {
            socket.Dispose();
            return GiveUp("it is another user's process");
        }

        return (socket, reply.Token.ToByteArray());
    }

    /// <summary>A stream over shared memory is open.</summary>
    public void Opened() => _unopened = 0;

    /// <summary>A stream over shared memory broke before it was open.</summary>
    public void NotOpened(Exception exception) => Count(ref _unopened, exception);

    /// <summary>A stream over shared memory broke by the memory's fault.</summary>
    public void Failed(Exception exception) => Count(ref _failures, exception);

    private void Count(ref int failures, Exception exception)
    {
        if (++failures >= MostFailures)
        {
            GiveUp($"{failures} streams over shared memory broke, the last one with: {exception.Message}");
        }
    }

    private (LocalSocket Socket, byte[] Token)? GiveUp(string reason)
    {
        if (transport == StreamTransport.Shared)
        {
            throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.Transport} is 'shared', and {server} cannot be reached over shared memory: {reason}.", "Set it to auto, or let both processes run on one host, as one user, with a folder that both have (LOCKSTEP_SOCKET_FOLDER).");
        }

        _isGivenUp = true;
        if (logger is not null)
        {
            LogGivenUp(logger, server, reason);
        }

        return null;
    }

    [LoggerMessage(802, LogLevel.Information, "{Server} is reached over gRPC, not shared memory: {Reason}")]
    private static partial void LogGivenUp(ILogger logger, string server, string reason);
}
