using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;

namespace Lockstep.Transport;

/// <summary>What carries a worker's streams.</summary>
public enum StreamTransport
{
    /// <summary>Shared memory where worker and shard have the same, else gRPC.</summary>
    Auto = 0,
    /// <summary>Shared memory; a shard that cannot be reached so is an error.</summary>
    Shared = 1,
    Grpc = 2,
}

public static class StreamTransports
{
    /// <summary>As the environment says; where it says nothing, <see cref="StreamTransport.Auto"/>.</summary>
    /// <exception cref="InputException">It says something else.</exception>
    public static StreamTransport From(IConfiguration configuration) => configuration[EnvironmentNames.Transport] switch
    {
        null or "" or "auto" => StreamTransport.Auto,
        "shared" => StreamTransport.Shared,
        "grpc" => StreamTransport.Grpc,
        var other => throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.Transport} is '{other}', which is no transport.", "Set it to auto, shared or grpc."),
    };

    /// <summary>Where sockets of this host's streams are made: as the environment says, else where shared memory is, else the folder for temporary files.</summary>
    public static string Folder(IConfiguration configuration) =>
        configuration[EnvironmentNames.SocketFolder] is { Length: > 0 } folder ? folder : Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
}
