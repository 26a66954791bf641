using System.Net;
using System.Net.Sockets;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Tests.Processes;

public sealed class ReachabilityTests
{
    [Fact]
    public async Task A_collector_is_told_of_only_where_it_is_not_there()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        var endpoint = new Uri($"http://user:secret@{collector.LocalEndpoint}/");

        Assert.Null(await Reachability.NoteOfCollectorAsync(endpoint));
        collector.Stop();
        string? note = await Reachability.NoteOfCollectorAsync(endpoint);

        Assert.StartsWith($"Telemetry reaches nobody at http://{endpoint.Authority}: ", note, StringComparison.Ordinal);
        Assert.Contains("refused", note, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", note, StringComparison.Ordinal);
    }
}
