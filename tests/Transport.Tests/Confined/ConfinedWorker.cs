using System.Globalization;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Tests.Loopback;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Tests.Confined;

/// <summary>The worker of <see cref="ConfinedTests"/>, in a process of its own. Takes a version and brings a contribution, whatever carries them.</summary>
public sealed class ConfinedWorker
{
    public const string Address = "LOCKSTEP_TEST_SHARD";

    /// <summary>How many numbers travel, each way.</summary>
    public const string Elements = "LOCKSTEP_TEST_ELEMENTS";

    /// <summary>How much of addresses it leaves itself, in bytes; empty: it sets no limit.</summary>
    public const string Room = "LOCKSTEP_TEST_ROOM";

    public const string PathPrefix = "PATH ";
    public const string SaidPrefix = "SAID ";

    private const int AddressSpace = 9;
    private const int ChunkElements = 1 << 18;

    [Fact(Explicit = true)]
    public async Task Takes_a_version_and_brings_a_contribution()
    {
        // Its parent's, not another test's: nothing else runs in this process.
        string address = Environment.GetEnvironmentVariable(Address) ?? throw new InvalidOperationException("This is the child of another test.");
        // As every service does.
        using PosixSignalRegistration? limit = FileSizeLimit.FailInsteadOfEnding();
        int elements = int.Parse(Environment.GetEnvironmentVariable(Elements)!, CultureInfo.InvariantCulture);
        float[] values = ConfinedTests.Values(elements);
        int[] own = ConfinedTests.Sums(elements);
        var log = new MemoryLogger();
        await using var client = new GrpcShardClient(new Uri(address), 0, TimeProvider.System, log, transport: StreamTransport.Auto);
        await using var worker = new TestWorker { Room = new float[elements] };
        if (Environment.GetEnvironmentVariable(Room) is { Length: > 0 } room)
        {
            Limit(long.Parse(room, CultureInfo.InvariantCulture));
        }

        Memory<int> sums = new SharedMemory(log).Sums(elements);
        own.CopyTo(sums.Span);
        Task<TestWorker.OpenedEvent> open = worker.NextAsync<TestWorker.OpenedEvent>();
        while (!open.IsCompleted)
        {
            await Task.WhenAny(open, worker.Start(client).Working);
        }

        IStepStream stream = (await open).Stream;
        OfferedVersion offered = await worker.NextAsync<OfferedVersion>();
        ReadOnlyMemory<float> taken = offered.Placed?.Values ?? worker.Room;
        Assert.True(MemoryMarshal.AsBytes(taken.Span).SequenceEqual(MemoryMarshal.AsBytes(values.AsSpan())));
        Assert.True(offered.Placed?.IsWhole() ?? true);
        Contribution contribution = Samples.Contribution(1);
        stream.Send(1, contribution with { Chunks = [.. Enumerable.Range(0, elements / ChunkElements).Select(i => contribution.Chunks[0] with { Chunk = i, Sums = sums.Slice(i * ChunkElements, ChunkElements) })] });
        Assert.Equal(PushStatus.Accepted, (await worker.NextAsync<AnswerMessage>()).Result.Status);
        TestContext.Current.TestOutputHelper!.WriteLine(PathPrefix + client.Path);
        foreach (string line in log.Messages)
        {
            TestContext.Current.TestOutputHelper.WriteLine(SaidPrefix + line);
        }
    }

    /// <summary>Lets this process have so many bytes of addresses more.</summary>
    private static void Limit(long more)
    {
        long pages = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0], CultureInfo.InvariantCulture);
        ulong limit = (ulong)((pages * Environment.SystemPageSize) + more);
        Assert.Equal(0, SetLimit(AddressSpace, [limit, limit]));
    }

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetLimit(int resource, ulong[] softAndHard);
}
