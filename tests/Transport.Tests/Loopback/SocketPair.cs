using System.Buffers.Binary;
using System.Net.Sockets;
using Lockstep.Transport.Memory;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Unix sockets for tests that speak on them themselves.</summary>
internal static class SocketPair
{
    /// <param name="folder">Where the socket is made that they meet at.</param>
    public static (LocalSocket One, LocalSocket Other) Connect(string folder)
    {
        string path = Path.Combine(folder, Path.GetRandomFileName());
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        LocalSocket one = LocalSocket.Connect(path);
        return (one, new LocalSocket(listener.Accept()));
    }

    /// <summary>Sends what a stream sends.</summary>
    public static void Send(this LocalSocket socket, params IEnumerable<Outgoing> messages)
    {
        IEnumerator<Outgoing>? all = messages.GetEnumerator();
        new Outbox(socket, () => Interlocked.Exchange(ref all, null), socket.End, exception => Assert.Fail(exception.Message)).Kick();
    }

    /// <summary>Sends a message of any kind and length, which need not be its body's.</summary>
    public static void SendRaw(this LocalSocket socket, int kind, ReadOnlySpan<byte> body, int? length = null, SafeFileHandle? file = null)
    {
        var message = new byte[sizeof(int) + 1 + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, length ?? body.Length);
        message[sizeof(int)] = (byte)kind;
        body.CopyTo(message.AsSpan(sizeof(int) + 1));
        for (int sent = 0; sent < message.Length;)
        {
            sent += socket.Send(message.AsSpan(sent), sent == 0 ? file : null, mayWait: true);
        }
    }
}
