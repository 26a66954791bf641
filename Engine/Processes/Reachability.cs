using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Processes;

/// <summary>Whether anybody listens at an address.</summary>
internal static class Reachability
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <value>The collector that the environment names; null: it names none, or what is no address.</value>
    public static Uri? Collector => Uri.TryCreate(Environment.GetEnvironmentVariable(EnvironmentNames.OtlpEndpoint), UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address : null;

    /// <summary>Connects once.</summary>
    /// <returns>Null: somebody listens; else why not, in the system's words, without a full stop.</returns>
    public static async Task<string?> WhyNotAsync(EndPoint server)
    {
        using Socket socket = server is UnixDomainSocketEndPoint ? new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) : new(SocketType.Stream, ProtocolType.Tcp);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await socket.ConnectAsync(server, patience.Token);
            return null;
        }
        catch (OperationCanceledException)
        {
            return string.Create(CultureInfo.InvariantCulture, $"nothing answered within {Patience.TotalSeconds} s");
        }
        catch (SocketException exception)
        {
            return exception.Message.TrimEnd('.');
        }
    }

    /// <summary>What to tell of a collector of telemetry that is not there: exporters keep that to themselves.</summary>
    /// <param name="endpoint">An absolute address of http or https.</param>
    /// <returns>Null: somebody listens.</returns>
    public static async Task<string?> NoteOfCollectorAsync(Uri endpoint) =>
        await WhyNotAsync(new DnsEndPoint(endpoint.IdnHost, endpoint.Port)) is { } why
            ? $"Telemetry reaches nobody at {endpoint.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)}: {why}. What is measured until somebody listens there is lost; all else works."
            : null;
}
