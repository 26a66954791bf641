using System.Diagnostics;
using TorchSharp;

namespace Lockstep.Training.Tests;

public class TorchRuntimeTests
{
    [Fact]
    public void Libtorch_loads_and_computes()
    {
        TorchRuntime.UseThreads(1);
        using var sum = torch.ones(3, 4).sum();
        Assert.Equal(12f, sum.item<float>());
        Assert.Equal(1, torch.get_num_threads());
    }

    [Fact]
    public void Class_names_version_threads_and_device()
    {
        var text = TorchRuntime.DeterminismClass(3);
        Assert.Contains("libtorch-2.10", text, StringComparison.Ordinal);
        Assert.Contains("threads-3", text, StringComparison.Ordinal);
        Assert.Matches("cpu probe-[0-9a-f]{8}$", text);
    }

    [Fact]
    public void The_number_of_threads_may_change_between_jobs()
    {
        TorchRuntime.UseThreads(2);
        Assert.Equal(2, torch.get_num_threads());
        TorchRuntime.UseThreads(1);
        Assert.Equal(1, torch.get_num_threads());
    }

    /// <summary>What two threads spend while they wait is not measured, which would take a machine that is quiet: OpenMP itself says how they wait.</summary>
    [Fact]
    public async Task Threads_of_openmp_block_where_they_wait()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The bundled OpenMP is GNU's.");
        Assert.SkipWhen(Environment.GetEnvironmentVariable("OMP_DISPLAY_ENV") is not null, "This is the child process.");
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Lockstep.Training.Tests"), ["--filter-method", $"{typeof(TorchRuntimeTests).FullName}.{nameof(Libtorch_loads_and_computes)}", "--progress", "off"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_DISPLAY_ENV"] = "verbose" },
        };
        // The child speaks to nobody but its own console.
        start.Environment.Remove("TESTINGPLATFORM_DOTNETTEST_EXECUTIONID");
        start.Environment.Remove("OMP_WAIT_POLICY");
        using var child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, await output + errors);
        Assert.Contains("OMP_WAIT_POLICY = 'PASSIVE'", errors, StringComparison.Ordinal);
    }
}
