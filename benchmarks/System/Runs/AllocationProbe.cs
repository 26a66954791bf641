using System.Globalization;
using System.Net.Sockets;
using Lockstep.Engine.Processes;

namespace Lockstep.SystemBenchmark.Runs;

/// <summary>Asks the processes of a fleet what they have allocated on the managed heap. They are asked twice a run and count by themselves: asking costs them nothing that shows.</summary>
/// <param name="folder">Of their sockets; a short path, as those of sockets are limited.</param>
internal sealed class AllocationProbe(string folder)
{
    /// <value>What a process of the fleet needs to be asked.</value>
    public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(AllocationProbe).Assembly.Location,
        [AllocationAnswers.FolderName] = folder,
    };

    /// <exception cref="InvalidOperationException">A process does not answer.</exception>
    public AllocationReading Read(IReadOnlyList<FleetProcess> processes, long step) => new(step, processes.ToDictionary(p => p.Name, Ask));

    private long Ask(FleetProcess process)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Span<byte> answer = stackalloc byte[sizeof(long)];
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(AllocationAnswers.PathOf(folder, process.ProcessId)));
            for (int read = 0; read < answer.Length;)
            {
                int more = socket.Receive(answer[read..]);
                read += more > 0 ? more : throw new InvalidOperationException($"{process.Name} broke off when it was asked what it has allocated.");
            }
        }
        catch (SocketException exception)
        {
            throw new InvalidOperationException($"{process.Name} cannot be asked what it has allocated: {exception.Message}", exception);
        }

        return BitConverter.ToInt64(answer);
    }
}

/// <param name="Step">Steps done.</param>
/// <param name="Bytes">By process, allocated since its start.</param>
internal sealed record AllocationReading(long Step, IReadOnlyDictionary<string, long> Bytes)
{
    /// <summary>KB a step, by process.</summary>
    public IEnumerable<(string Process, double Kilobytes)> PerStepSince(AllocationReading earlier) =>
        Bytes.Select(p => (p.Key, (p.Value - earlier.Bytes[p.Key]) / 1024.0 / (Step - earlier.Step)));
}

/// <summary>Runs in the processes that are asked. Names nothing but the runtime: what else this assembly needs is not there.</summary>
internal static class AllocationAnswers
{
    public const string FolderName = "LOCKSTEP_ALLOCATION_SOCKETS";

    public static string PathOf(string folder, int process) => Path.Combine(folder, process.ToString(CultureInfo.InvariantCulture));

    public static void Begin(string folder)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(PathOf(folder, System.Environment.ProcessId)));
        listener.Listen();
        new Thread(() => Answer(listener)) { IsBackground = true, Name = "allocations" }.Start();
    }

    private static void Answer(Socket listener)
    {
        while (true)
        {
            using Socket asking = listener.Accept();
            asking.Send(BitConverter.GetBytes(GC.GetTotalAllocatedBytes(precise: true)));
        }
    }
}
