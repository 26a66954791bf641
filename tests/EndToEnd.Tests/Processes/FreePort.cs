using System.Net;
using System.Net.Sockets;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>A TCP port of the loopback interface that nobody listens at.</summary>
internal static class FreePort
{
    /// <returns>One that was free a moment ago.</returns>
    public static int Take()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
