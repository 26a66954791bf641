using System.Reflection;

namespace Lockstep.Hosting;

/// <summary>The services' files, which the package brings.</summary>
internal sealed class LockstepPrograms(string folder)
{
    /// <summary>Of the application host's assembly: the package's build files write it.</summary>
    private const string MetadataKey = "Lockstep.Services";

    public string Scheduler => At("Scheduler", "Lockstep.Scheduler.dll");

    public string ParameterServer => At("ParameterServer", "Lockstep.ParameterServer.dll");

    /// <value>Serves Redis when it is called with <c>redis-server</c>.</value>
    public string Command => At("Cli", "lockstep.dll");

    /// <exception cref="DistributedApplicationException">They are nowhere.</exception>
    public static LockstepPrograms Find(IDistributedApplicationBuilder builder) =>
        builder.AppHostAssembly?.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(data => data.Key == MetadataKey)?.Value is { } folder
            ? new LockstepPrograms(folder)
            : throw new DistributedApplicationException("The files of Lockstep's services are not known to this application host: let its project reference the package Lockstep.Hosting itself.");

    private string At(string service, string file) => Path.Combine(folder, service, file) is var path && File.Exists(path)
        ? path
        : throw new DistributedApplicationException($"{path} is missing: restore the packages of the application host again.");
}
