#pragma warning disable CA1050, MA0047 // The runtime looks for a class of this name without a namespace.
using Lockstep.Overhead;

/// <summary>The runtime calls this in each process of the fleet before its own code (DOTNET_STARTUP_HOOKS).</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        // Redis is none of the services.
        if (Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is { Length: > 0 } service)
        {
            _ = Task.Run(() => TelemetrySwitch.RunAsync(service));
        }
    }
}
