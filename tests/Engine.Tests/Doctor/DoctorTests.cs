using System.Net;
using System.Net.Sockets;
using Lockstep.Engine.Doctor;

namespace Lockstep.Engine.Tests.Doctor;

/// <summary>What is wrong with a machine is found, and has a remedy.</summary>
public sealed class DoctorTests
{
    private const long Plenty = 1L << 40;

    [Theory]
    [InlineData(8_000_000, Plenty, FindingKind.Good, "7.6 GiB")]
    [InlineData(900_000, Plenty, FindingKind.Warning, "878 MiB")]
    [InlineData(100_000, Plenty, FindingKind.Fault, "97 MiB")]
    [InlineData(8_000_000, 300L << 20, FindingKind.Fault, "300 MiB")]
    public void Memory_is_what_the_system_and_the_container_leave(long kibibytes, long limit, FindingKind kind, string text) =>
        Found(MachineChecks.Memory($"MemTotal:       16000000 kB\nMemAvailable:    {kibibytes} kB\n", limit), kind, text);

    [Theory]
    [InlineData("65536                1048576", FindingKind.Good, "65536")]
    [InlineData("512                  524288", FindingKind.Warning, "512")]
    [InlineData("64                   unlimited", FindingKind.Fault, "64")]
    [InlineData("unlimited            unlimited", FindingKind.Good, "unlimited")]
    public void Open_files_are_counted_by_the_soft_limit(string limit, FindingKind kind, string text) =>
        Found(MachineChecks.OpenFiles($"Limit                     Soft Limit           Hard Limit           Units\nMax open files            {limit}              files\n"), kind, text);

    [Fact]
    public void A_folder_that_cannot_be_written_is_found()
    {
        Found(MachineChecks.Disk(Path.GetTempPath()), null, Path.GetTempPath());
        Found(MachineChecks.Disk(Path.Combine(Path.GetTempPath(), "is", "not", "there")), FindingKind.Fault, "cannot be written");
        if (OperatingSystem.IsLinux())
        {
            Found(MachineChecks.SharedMemory("/proc"), FindingKind.Warning, "cannot be written");
        }
    }

    [Fact]
    public void A_port_that_is_taken_is_found()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Found(MachineChecks.LoopbackPorts(port), FindingKind.Warning, $"{port}");
        listener.Stop();
        Found(MachineChecks.LoopbackPorts(port), FindingKind.Good, $"{port}");
    }

    [Theory]
    [InlineData("/lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by libtorch_cpu.so)", "apt-get install libstdc++6")]
    [InlineData("A first line.\nlibgomp-e985bcbb.so.1: cannot open shared object file", "libgomp1")]
    [InlineData("", "Build or install again")]
    public void Libraries_that_do_not_load_have_a_remedy(string error, string remedy)
    {
        Finding finding = Assert.Single(ProgramChecks.Torches(1, "", error, hasGpu: false));
        Found(finding, FindingKind.Fault, "do not load");
        Assert.Contains(remedy, finding.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("first line", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_GPU_that_the_build_does_not_use_is_told()
    {
        const string Cpu = """{"Device":"cpu","DeterminismClass":"avx2"}""";
        Found(ProgramChecks.Torches(0, Cpu, "", hasGpu: false)[^1], FindingKind.Good, "none");
        Found(ProgramChecks.Torches(0, Cpu, "", hasGpu: true)[^1], FindingKind.Warning, "does not use it");
        Found(ProgramChecks.Torches(0, Cpu.Replace("cpu", "cuda", StringComparison.Ordinal), "", hasGpu: true)[^1], FindingKind.Good, "cuda");
    }

    /// <param name="kind">Null: whatever the machine has.</param>
    private static void Found(Finding finding, FindingKind? kind, string text)
    {
        Assert.Equal(kind ?? finding.Kind, finding.Kind);
        Assert.Contains(text, finding.Text, StringComparison.Ordinal);
        Assert.Equal(finding.Kind == FindingKind.Good, finding.Remedy.Length == 0);
    }
}
