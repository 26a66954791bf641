using Aspire.Hosting;
using Lockstep.Client;
using Lockstep.Hosting;
using Microsoft.Extensions.Hosting;

namespace Lockstep.AppHost.Tests;

/// <summary>Examples of docs/packages.md, which a test compares with it.</summary>
internal static class Documented
{
    public static void Publish(IDistributedApplicationBuilder builder) =>
        builder.AddLockstep("training", new LockstepImages("registry.example/lockstep-scheduler:0.1.0", "registry.example/lockstep-parameterserver:0.1.0"));

    public static void Serve(IHostApplicationBuilder builder)
    {
        builder.AddLockstepClient("training");
    }
}
