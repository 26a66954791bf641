using System.Collections.Concurrent;
using System.ComponentModel;
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Memory;

/// <summary>
/// Serves the streams of workers on the same host over a Unix socket, with numbers in shared memory. A worker learns of the socket, and of the bytes that it begins with, over gRPC:
/// that both ends share memory is then a matter of fact, as each maps files that the other handed it.
/// </summary>
public sealed partial class MemoryStepServer : IDisposable
{
    private const string Prefix = "lockstep-";
    private const string Suffix = ".sock";
    private const int TokenBytes = 16;

    /// <summary>How long what was already said may wait for a worker that reads no more, once its stream ends.</summary>
    private static readonly TimeSpan UnreadGrace = TimeSpan.FromSeconds(5);

    /// <summary>A worker comes at once, or not at all.</summary>
    private static readonly TimeSpan TokenLife = TimeSpan.FromSeconds(30);

    /// <summary>Before a connection that could not be taken is tried again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IShardHost _host;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Socket? _listener;
    private readonly string _path = "";
    private readonly string? _missing;
    // By its hexadecimal digits: when it was given.
    private readonly ConcurrentDictionary<string, long> _tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<LocalSocket, bool> _open = [];
    private readonly ManualResetEventSlim _over = new();

    /// <param name="folder">Where the socket is made; what dead servers left there is removed.</param>
    /// <param name="missing">Why there shall be none; null: there shall.</param>
    /// <param name="ends">Streams end when it does.</param>
    public MemoryStepServer(IShardHost host, string folder, string? missing, TimeProvider time, ILogger<MemoryStepServer> logger, WaitsEnd ends)
    {
        (_host, _time, _logger) = (host, time, logger);
        _missing = missing ?? SharedMemory.Missing;
        if (_missing is not null)
        {
            return;
        }

        string path = Path.Combine(folder, $"{Prefix}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(TokenBytes))}");
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            RemoveDead(folder);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            listener.Listen();
            // Under its name from now on: until somebody listens there it looks as if a dead server had left it.
            File.Move(path, path + Suffix, overwrite: true);
            _path = path + Suffix;
        }
        catch (Exception exception) when (exception is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            listener.Dispose();
            _missing = $"no socket can be made in {folder} ({exception.Message})";
            return;
        }

        _listener = listener;
        new Thread(Accept) { IsBackground = true, Name = "local streams" }.Start();
        ends.Token.Register(End);
    }

    /// <value>Why no stream is served; null: they are.</value>
    public string? Missing => _missing;

    /// <summary>What a worker needs to open one stream.</summary>
    public LocalReply Offer()
    {
        if (_missing is not null)
        {
            return new LocalReply { Missing = _missing };
        }

        foreach ((string old, long given) in _tokens)
        {
            if (_time.GetElapsedTime(given) > TokenLife)
            {
                _tokens.TryRemove(old, out _);
            }
        }

        byte[] token = RandomNumberGenerator.GetBytes(TokenBytes);
        _tokens[Convert.ToHexString(token)] = _time.GetTimestamp();
        return new LocalReply { Path = _path, Token = ByteString.CopyFrom(token) };
    }

    public void Dispose() => End();

    private void End()
    {
        _over.Set();
        _listener?.Dispose();
        foreach (LocalSocket socket in _open.Keys)
        {
            socket.End();
        }

        if (_path.Length > 0)
        {
            File.Delete(_path);
        }
    }

    private void Accept()
    {
        while (true)
        {
            Socket accepted;
            try
            {
                accepted = _listener!.Accept();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                if (_over.IsSet)
                {
                    return;
                }

                // No file is left, or no memory: who comes waits meanwhile.
                LogNotTaken(exception.Message);
                _over.Wait(Pause);
                continue;
            }

            try
            {
                // Of its own: it waits all the time, and what it reads is worked on without a change of thread.
                new Thread(() => Serve(accepted)) { IsBackground = true, Name = "local stream" }.Start();
            }
            catch (OutOfMemoryException exception)
            {
                LogNotTaken(exception.Message);
                accepted.Dispose();
            }
        }
    }

    private void Serve(Socket accepted)
    {
        using var socket = new LocalSocket(accepted);
        _open[socket] = true;
        if (_over.IsSet)
        {
            socket.End();
        }

        try
        {
            using var inbox = new Inbox(socket);
            var sink = new MemoryStepSink(socket, _time);
            using var pulse = new Pulse(socket, sink.SayAlive, _time);
            if (socket.PeerUser == Libc.EffectiveUser() && inbox.Token() is { } token && _tokens.TryRemove(Convert.ToHexString(token), out long given) && _time.GetElapsedTime(given) <= TokenLife)
            {
                Serve(sink, inbox);
            }
        }
        catch (Exception exception)
        {
            // Nobody that was let in; and whatever it is, it is of one stream only.
            LogBroken(exception);
        }
        finally
        {
            _open.TryRemove(socket, out _);
        }
    }

    private void Serve(MemoryStepSink sink, Inbox inbox)
    {
        try
        {
            using var frames = new WorkerFrames(_host, sink, inbox);
            while (inbox.Next() is { } next)
            {
                using TensorFrame frame = next;
                frames.Take(frame);
            }

            sink.End(null);
        }
        catch (ProtocolException exception)
        {
            sink.End(exception);
        }
        catch (RpcException exception)
        {
            sink.End(new ProtocolException(ProtocolError.Invalid, exception.Status.Detail));
        }
        catch (SocketException exception)
        {
            LogBroken(exception);
            sink.End(null);
        }
        catch (Win32Exception exception)
        {
            LogNotMapped(exception.Message);
            sink.End(new InvalidOperationException($"The worker's memory cannot be mapped: {exception.Message}"));
        }
        catch (Exception exception)
        {
            LogFailed(exception);
            sink.End(exception);
        }

        // What was said still goes out; the worker closes when it has read the end.
        sink.WaitSent(UnreadGrace);
        sink.Drop();
    }

    /// <summary>Removes the sockets of servers that were killed: nobody listens there.</summary>
    private static void RemoveDead(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, $"{Prefix}*{Suffix}"))
        {
            try
            {
                LocalSocket.Connect(path).Dispose();
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
            {
                Remove(path);
            }
            catch (SocketException)
            {
                // Another user's.
            }
        }

        static void Remove(string path)
        {
            try
            {
                File.Delete(path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Another user's, in a folder of all.
            }
        }
    }

    [LoggerMessage(852, LogLevel.Warning, "The memory of a worker of this host cannot be mapped ({Reason}): its stream ends, and comes over gRPC if that stays so")]
    private partial void LogNotMapped(string reason);

    [LoggerMessage(853, LogLevel.Warning, "The connection of a worker of this host cannot be taken now: {Reason}")]
    private partial void LogNotTaken(string reason);

    [LoggerMessage(850, LogLevel.Debug, "The stream of a worker of this host broke")]
    private partial void LogBroken(Exception exception);

    [LoggerMessage(851, LogLevel.Error, "The stream of a worker of this host failed")]
    private partial void LogFailed(Exception exception);
}
