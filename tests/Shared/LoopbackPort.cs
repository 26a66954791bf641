using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Lockstep.Tests;

/// <summary>A port for a server that must be told one, and for one that nobody listens on.</summary>
internal static class LoopbackPort
{
    private const int First = 20000;

    private const int Last = 32767;

    /// <returns>One that is free, of those that systems give nobody by themselves: a connection that goes out meanwhile does not take it.</returns>
    public static int Free()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, RandomNumberGenerator.GetInt32(First, Last + 1));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
            }
        }
    }
}
