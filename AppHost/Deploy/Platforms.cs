using System.Runtime.CompilerServices;

namespace Lockstep.AppHost;

/// <summary>Makes the targets of this folder known: it is compiled with <c>-p:Deploy=true</c> only.</summary>
internal static class Platforms
{
    [ModuleInitializer]
    public static void Register() => PublishTarget.Platforms = static (builder, options) => options.Platform switch
    {
        PublishPlatform.ContainerApps => new ContainerAppsTarget(builder, options),
        PublishPlatform.Kubernetes => new KubernetesTarget(builder, options),
        PublishPlatform.Compose => new ComposeTarget(builder, options),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.Platform, null),
    };
}
