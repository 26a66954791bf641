using System.ComponentModel;
using Lockstep.Core.Protocol;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Memory;

/// <summary>Makes memory that other processes of this host can map, and memory of this process where there is none, which it says.</summary>
/// <param name="logger">Is told; null: nobody is.</param>
public sealed partial class SharedMemory(ILogger? logger = null)
{
    /// <value>Why there is none here; null: there is.</value>
    public static string? Missing { get; } = Try();

    /// <summary>Room for the sums of a worker.</summary>
    public Memory<int> Sums(int elements) => Create((long)elements * sizeof(int)) is { } region ? region.Memory<int>()[..elements] : new int[elements];

    /// <summary>Room for the versions of a shard.</summary>
    public IVersionRoom Versions(int elements) => new SharedVersions(Create((long)elements * sizeof(float)), elements);

    private SharedRegion? Create(long bytes)
    {
        if (Missing is not null)
        {
            return null;
        }

        try
        {
            return SharedRegion.Create(bytes);
        }
        catch (Win32Exception exception)
        {
            if (logger is not null)
            {
                LogNone(logger, bytes, exception.Message);
            }

            return null;
        }
    }

    private static string? Try()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return "this system is not 64-bit Linux";
        }

        try
        {
            using var region = SharedRegion.Create(1);
            return null;
        }
        catch (Exception exception) when (exception is Win32Exception or EntryPointNotFoundException)
        {
            return $"the system gives no sealed memory files ({exception.Message}); Linux 5.1 is the first that does";
        }
    }

    [LoggerMessage(803, LogLevel.Warning, "No shared memory for {Bytes} bytes ({Reason}): these numbers travel on the streams. Raise the limits of memory, files and file sizes (ulimit -v, -n, -f; the container's memory)")]
    private static partial void LogNone(ILogger logger, long bytes, string reason);
}

/// <summary>A shard's version in memory that workers read.</summary>
internal sealed class SharedVersions(SharedRegion? region, int elements) : IVersionRoom
{
    public Memory<float> Values { get; } = region is null ? GC.AllocateUninitializedArray<float>(elements) : region.Memory<float>()[..elements];

    public void Withdraw() => region?.Withdraw();

    public void Publish(Cursor version) => region?.Publish(version);

    public void Dispose() => region?.Dispose();
}
