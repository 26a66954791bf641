using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Memory;

/// <summary>A connected Unix socket that carries bytes and open files. One thread reads while another writes.</summary>
internal sealed unsafe class LocalSocket(Socket socket) : IDisposable
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int Rights = 1;
    private const int DoNotWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int CloseOnExec = 0x40000000;
    private const int MostFiles = 8;

    // Whether something came, or nobody waited for it, since that was asked last.
    private volatile bool _isHeard = true;
    private volatile bool _isWaiting;

    /// <summary>Connects to the socket at a path.</summary>
    /// <exception cref="SocketException">Nobody listens there, or this user has no right to it.</exception>
    public static LocalSocket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new LocalSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <value>The user of the process at the other end, as this process's user namespace numbers it.</value>
    public uint PeerUser
    {
        get
        {
            Span<uint> credentials = stackalloc uint[3];
            socket.GetRawSocketOption(SocketLevel, PeerCredentials, MemoryMarshal.AsBytes(credentials));
            return credentials[1];
        }
    }

    /// <value>Whether somebody waits for what the other end says.</value>
    public bool IsListening => _isWaiting;

    /// <summary>Whether the other end was heard since this was asked last, or could not have been, as nobody listened.</summary>
    public bool TakeHeard()
    {
        bool isHeard = _isHeard || !_isWaiting;
        _isHeard = false;
        return isHeard;
    }

    /// <summary>Sends bytes, or as many as there is room for.</summary>
    /// <param name="file">Goes with the first byte; null: none.</param>
    /// <param name="mayWait">False: where there is no room at all, nothing is sent.</param>
    /// <returns>How many were sent.</returns>
    /// <exception cref="SocketException">The other end is gone.</exception>
    public int Send(ReadOnlySpan<byte> bytes, SafeFileHandle? file, bool mayWait)
    {
        bool isHeld = false;
        try
        {
            file?.DangerousAddRef(ref isHeld);
            fixed (byte* first = bytes)
            {
                var piece = new Libc.Piece { Base = first, Length = (nuint)bytes.Length };
                var control = new Libc.FileControl { Length = 20, Level = SocketLevel, Kind = Rights, File = file is null ? -1 : (int)file.DangerousGetHandle() };
                var message = new Libc.MessageHead { Pieces = &piece, PieceCount = 1 };
                if (file is not null)
                {
                    message.Control = &control;
                    message.ControlLength = (nuint)sizeof(Libc.FileControl);
                }

                while (true)
                {
                    nint sent = Libc.SendMessage(socket.SafeHandle, &message, NoSignal | (mayWait ? 0 : DoNotWait));
                    if (sent >= 0)
                    {
                        return (int)sent;
                    }

                    switch (Marshal.GetLastPInvokeError())
                    {
                        case Libc.Interrupted:
                            break;
                        case Libc.WouldBlock:
                            return 0;
                        case var error:
                            throw Broken(error);
                    }
                }
            }
        }
        finally
        {
            if (isHeld)
            {
                file!.DangerousRelease();
            }
        }
    }

    /// <summary>Waits for bytes.</summary>
    /// <param name="files">Is given what files came with them, in their order.</param>
    /// <returns>How many came; 0: the other end has ended.</returns>
    /// <exception cref="SocketException">The connection broke.</exception>
    public int Receive(Span<byte> room, Queue<SafeFileHandle> files)
    {
        _isWaiting = true;
        try
        {
            return ReceiveNow(room, files);
        }
        finally
        {
            _isHeard = true;
            _isWaiting = false;
        }
    }

    /// <summary>Ends both directions: whoever waits here or there is told. What was sent still arrives.</summary>
    public void End() => End(SocketShutdown.Both);

    /// <summary>Nothing more is sent; the other end learns it once all that was has arrived there.</summary>
    public void EndSending() => End(SocketShutdown.Send);

    public void Dispose() => socket.Dispose();

    private int ReceiveNow(Span<byte> room, Queue<SafeFileHandle> files)
    {
        const int ControlBytes = 16 + (MostFiles * sizeof(int));
        byte* control = stackalloc byte[ControlBytes];
        fixed (byte* first = room)
        {
            var piece = new Libc.Piece { Base = first, Length = (nuint)room.Length };
            while (true)
            {
                var message = new Libc.MessageHead { Pieces = &piece, PieceCount = 1, Control = control, ControlLength = ControlBytes };
                nint received = Libc.ReceiveMessage(socket.SafeHandle, &message, CloseOnExec);
                if (received < 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error == Libc.Interrupted)
                    {
                        continue;
                    }

                    throw Broken(error);
                }

                if (message.ControlLength >= 20 && ((Libc.FileControl*)control)->Kind == Rights)
                {
                    int count = (int)(((Libc.FileControl*)control)->Length - 16) / sizeof(int);
                    for (int i = 0; i < count; i++)
                    {
                        files.Enqueue(new SafeFileHandle(((int*)(control + 16))[i], ownsHandle: true));
                    }
                }

                return (int)received;
            }
        }
    }

    private void End(SocketShutdown side)
    {
        try
        {
            socket.Shutdown(side);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private static SocketException Broken(int error) => new(error, Marshal.GetPInvokeErrorMessage(error));
}
