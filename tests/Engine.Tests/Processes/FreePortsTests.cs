using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Tests.Processes;

public sealed class FreePortsTests
{
    [Fact]
    public void No_outgoing_connection_is_given_one()
    {
        int[] ports = FreePorts.Take(50);

        Assert.Equal(50, ports.Distinct().Count());
        Assert.All(ports, port => Assert.InRange(port, 20000, 32767));
    }
}
