using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Lockstep.Engine.Hosting;

namespace Lockstep.Engine.Tests.Hosting;

/// <summary>What is wrong with the options is found before any process starts.</summary>
public sealed class EmbeddedHostTests : IDisposable
{
    private const int BadInput = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-host-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_port_that_another_program_has_is_bad_input()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        Assert.Equal(BadInput, await RunAsync("--port", ((IPEndPoint)other.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture), "--runs", _folder.FullName));
    }

    [Fact]
    public async Task Folders_that_cannot_be_are_bad_input()
    {
        string file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        Assert.Equal(BadInput, await RunAsync("--runs", file));
        Assert.Equal(BadInput, await RunAsync("--runs", ""));
        Assert.Equal(BadInput, await RunAsync("--runs", _folder.FullName, "--data", Path.Combine(_folder.FullName, "none")));
        Assert.Equal(BadInput, await RunAsync("--runs", _folder.FullName, "--data", ""));
    }

    private static Task<int> RunAsync(params string[] arguments) => EmbeddedHost.RunAsync(arguments, "", TimeProvider.System, TestContext.Current.CancellationToken);
}
