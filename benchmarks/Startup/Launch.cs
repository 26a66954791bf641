using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Engine.Processes;

namespace Lockstep.Startup;

/// <summary>A command that keeps a fleet up.</summary>
/// <param name="Project">Its folder.</param>
/// <param name="Arguments">Without the port, for a folder of runs.</param>
/// <param name="Environment">Beside what both have.</param>
internal sealed record Launch(string Name, string Project, Func<string, IReadOnlyList<string>> Arguments, Func<IReadOnlyDictionary<string, string>> Environment)
{
    public static Launch Application { get; } = new("AppHost", "AppHost", _ => ["--workers-min", "1"], Dashboard);

    public static Launch Up { get; } = new("lockstep up", "Cli", folder => ["up", "--workers-min", "1", "--data", BuiltTree.Root, "--runs", folder], () => new Dictionary<string, string>());

    /// <summary>What the profile http says, on free ports.</summary>
    private static Dictionary<string, string> Dashboard()
    {
        int[] ports = FreePorts.Take(3);
        return new(StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = Address(ports[0]),
            ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = Address(ports[1]),
            ["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"] = Address(ports[2]),
            ["ASPIRE_ALLOW_UNSECURED_TRANSPORT"] = "true",
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
        };
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}");
}
