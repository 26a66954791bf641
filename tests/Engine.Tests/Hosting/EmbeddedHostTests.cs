using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts;
using Lockstep.Engine.Hosting;

namespace Lockstep.Engine.Tests.Hosting;

/// <summary>What is wrong with the options is found before any process starts.</summary>
public sealed class EmbeddedHostTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-host-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_port_that_another_program_has_is_bad_input()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        Assert.Equal("--port", await RefusedAsync(Options with { Port = ((IPEndPoint)other.LocalEndpoint).Port }));
    }

    [Fact]
    public async Task Folders_that_cannot_be_are_bad_input()
    {
        string file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        Assert.Equal("--runs", await RefusedAsync(Options with { Runs = file }));
        Assert.Equal("--runs", await RefusedAsync(Options with { Runs = "" }));
        Assert.Equal("--data", await RefusedAsync(Options with { Data = Path.Combine(_folder.FullName, "none") }));
        Assert.Equal("--data", await RefusedAsync(Options with { Data = "" }));
    }

    private EmbeddedHostOptions Options => new() { Port = 5080, Shards = 1, MinimumWorkers = 0, MaximumWorkers = 1, Runs = _folder.FullName, Data = ".", RedisServerAssembly = "" };

    private static async Task<string> RefusedAsync(EmbeddedHostOptions options)
    {
        var exception = await Assert.ThrowsAsync<InputException>(() => EmbeddedHost.RunAsync(options, TimeProvider.System, TestContext.Current.CancellationToken));
        return Assert.Single(exception.Errors).File;
    }
}
