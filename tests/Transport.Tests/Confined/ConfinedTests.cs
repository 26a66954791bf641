using System.Diagnostics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Tests.Loopback;

namespace Lockstep.Transport.Tests.Confined;

/// <summary>
/// A worker in namespaces of its own, as a container's, shares memory with the parameter server where both have the folder of the socket; where something is in the way it says so, and all the same arrives over gRPC.
/// So it is where memory is short.
/// </summary>
public sealed class ConfinedTests : IDisposable
{
    private const int Few = 1 << 20;

    /// <summary>More than a process can map that has just room for some threads.</summary>
    private const int Many = 24 << 20;

    private const string Namespaces = "unshare --user --map-root-user --mount --pid --fork --kill-child --mount-proc --ipc --uts";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-");

    public static float[] Values(int elements) => Samples.Floats(elements);

    public static int[] Sums(int elements) => [.. Enumerable.Range(0, elements).Select(i => unchecked(i * 31_337))];

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Beside_the_server_it_shares_memory() => await RunAsync("memory", null, "");

    [Fact]
    public async Task In_other_namespaces_it_shares_memory_where_it_has_the_folder()
    {
        SkipWithout($"{Namespaces} true");
        await RunAsync("memory", null, Namespaces);
    }

    [Fact]
    public async Task Without_the_folder_it_says_so_and_comes_over_grpc()
    {
        SkipWithout($"{Namespaces} true");
        await RunAsync("grpc", "cannot be reached from here", $"{Namespaces} sh -c 'mount -t tmpfs none {_folder.FullName} && exec \"$@\"' sh");
    }

    [Fact]
    public async Task In_another_network_the_server_is_out_of_reach_and_it_says_so()
    {
        const string OtherNetwork = "unshare --user --map-root-user --net";
        SkipWithout($"{OtherNetwork} true");
        await using ShardServer server = await StartAsync(new FakeShardHost());
        (Process process, Task<string> output) = Start(server, $"{OtherNetwork} timeout 5", Few, null);
        using (process)
        {
            // It tries until it is ended.
            Assert.DoesNotContain(ConfinedWorker.PathPrefix, await output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task As_another_user_it_says_so_and_comes_over_grpc()
    {
        const string Nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
        SkipWithout($"{Nobody} test -r {typeof(ConfinedTests).Assembly.Location}");
        // It may go through the folder; the socket is its server's alone.
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101);
        }

        await RunAsync("grpc", "Permission denied", Nobody);
    }

    [Fact]
    public async Task Files_that_may_not_be_large_are_no_harm()
    {
        // Its code is not written to a memory file of its own: that is as large as all its addresses.
        const string SmallFiles = "env DOTNET_EnableWriteXorExecute=0 prlimit --fsize=1000000";
        SkipWithout($"{SmallFiles} true");
        await RunAsync("memory", "No shared memory for 4194304 bytes", SmallFiles);
    }

    [Fact]
    public async Task Where_the_servers_memory_cannot_be_mapped_it_says_so_and_comes_over_grpc() => await RunAsync("grpc", "over gRPC, not shared memory: 3 streams over shared memory broke, the last one with", "", Many, room: 64 << 20);

    /// <summary>A worker comes, takes a version and brings sums.</summary>
    /// <param name="path">By which they come.</param>
    /// <param name="says">The worker; null: nothing.</param>
    /// <param name="prefix">Of the worker's command.</param>
    /// <param name="room">Bytes of addresses that are left to it; null: all.</param>
    private async Task RunAsync(string path, string? says, string prefix, int elements = Few, long? room = null)
    {
        using IVersionRoom version = new SharedMemory().Versions(elements);
        Values(elements).CopyTo(version.Values);
        version.Publish(Samples.Cursor);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(new TurnMessage(new PulledVersion(Samples.Cursor, false, version.Values, new short[] { 5 }, () => { }))) };
        await using ShardServer server = await StartAsync(host);
        (Process process, Task<string> output) = Start(server, prefix, elements, room);
        using (process)
        {
            string text = await output;
            Assert.True(process.ExitCode == 0, text);
            Assert.Contains(ConfinedWorker.PathPrefix + path, text, StringComparison.Ordinal);
            Assert.Contains(says ?? "", text, StringComparison.Ordinal);
            Assert.Equal(says is null, !text.Contains(ConfinedWorker.SaidPrefix, StringComparison.Ordinal));
        }

        FakePushSession? pushed = null;
        while (pushed is null && host.Sessions.Reader.TryRead(out FakeStepSession? session))
        {
            pushed = session.FirstPush;
        }

        Assert.Equal(Sums(elements), pushed!.Chunks.SelectMany(c => c.Sums.ToArray()));
    }

    private Task<ShardServer> StartAsync(FakeShardHost host) => ShardServer.StartAsync(host, transport: StreamTransport.Auto, sockets: _folder.FullName);

    private static void SkipWithout(string command)
    {
        using Process process = Shell(command, new Dictionary<string, string>());
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipUnless(process.ExitCode == 0, $"This needs '{command}', which is not to be had here: {error.Trim()}");
    }

    private static (Process Process, Task<string> Output) Start(ShardServer server, string prefix, int elements, long? room)
    {
        string program = typeof(ConfinedTests).Assembly.Location;
        // Stacks are small, so that a process that may have few addresses can have threads; and none stays for good.
        Process process = Shell($"exec timeout 120 {prefix} dotnet {program} --explicit only --filter-class {typeof(ConfinedWorker).FullName} --no-progress --output Detailed --show-live-output on", new Dictionary<string, string>
        {
            [ConfinedWorker.Address] = server.Address.ToString(),
            [ConfinedWorker.Elements] = $"{elements}",
            ["DOTNET_DefaultStackSize"] = "40000",
            [ConfinedWorker.Room] = room is { } bytes ? $"{bytes}" : "",
        });
        return (process, ReadAsync(process));

        static async Task<string> ReadAsync(Process process)
        {
            Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return output + await error;
        }
    }

    private static Process Shell(string command, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("sh", ["-c", command]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
