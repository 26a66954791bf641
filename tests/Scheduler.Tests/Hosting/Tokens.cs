global using static Lockstep.Scheduler.Tests.Hosting.Tokens;

namespace Lockstep.Scheduler.Tests.Hosting;

internal static class Tokens
{
    /// <value>Ends with the test.</value>
    public static CancellationToken Token => TestContext.Current.CancellationToken;
}
