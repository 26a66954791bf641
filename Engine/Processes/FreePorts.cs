using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Lockstep.Engine.Processes;

/// <summary>Free TCP ports of the loopback interface.</summary>
internal static class FreePorts
{
    private const int First = 20000;

    /// <summary>Linux gives from 32,768 on, others from 49,152.</summary>
    private const int Last = 32767;

    /// <summary>So many that are taken are passed over.</summary>
    private const int MostTaken = 100;

    /// <summary>Whether a service could listen there now.</summary>
    public static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Different ports that were free a moment ago; another process may take one before it is used.</summary>
    /// <remarks>Below those that systems give to outgoing connections by themselves, of which a fleet that starts opens many: one of them would sooner or later have a service's port.</remarks>
    public static int[] Take(int count)
    {
        var listeners = new List<TcpListener>(count);
        try
        {
            for (int tries = 0; listeners.Count < count; tries++)
            {
                // Where nearly all are taken the system knows which are not.
                var listener = new TcpListener(IPAddress.Loopback, tries < count + MostTaken ? RandomNumberGenerator.GetInt32(First, Last + 1) : 0);
                try
                {
                    listener.Start();
                    listeners.Add(listener);
                }
                catch (SocketException) when (tries < count + MostTaken)
                {
                    listener.Dispose();
                }
            }

            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (TcpListener listener in listeners)
            {
                listener.Dispose();
            }
        }
    }
}
