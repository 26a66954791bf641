using Lockstep.Contracts;
using Lockstep.ServiceDefaults.Access;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Lockstep.Scheduler.Tests.Access;

public sealed class WeakKeyTests
{
    [Theory]
    [InlineData("LOCKSTEP_API_KEY", "short", "can be guessed")]
    [InlineData("LOCKSTEP_SECRET", "fifteen-letters", "can be guessed")]
    [InlineData("LOCKSTEP_API_KEY", "with a space in its middle", "cannot travel in a header")]
    [InlineData("LOCKSTEP_SECRET", "schlüssel-schlüssel", "cannot travel in a header")]
    public void Keys_that_cannot_serve_are_refused_at_the_start(string name, string value, string reason)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new(name, value)]);
        string message = Assert.Throws<InputException>(() => builder.AddAccessControl()).Message;
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
        Assert.DoesNotContain(value, message, StringComparison.Ordinal);
    }
}
