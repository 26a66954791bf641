using System.Diagnostics;
using TorchSharp;

namespace Lockstep.Training.Tests;

public class TorchRuntimeTests
{
    private const string Child = "LOCKSTEP_TEST_CHILD";

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
        Assert.Matches("cpu( no-onednn)? probe-[0-9a-f]{8}$", text);
    }

    /// <summary>Where oneDNN is wrong it is turned off; where a library is wrong in another way, no other test here can be believed.</summary>
    [Fact]
    public void Libtorch_computes_right() => TorchRuntime.Require(threads: 1);

    [Fact]
    public async Task Without_oneDNN_it_computes_right_too()
    {
        // In a process of its own: it is for all of one.
        if (IsChild)
        {
            Assert.Equal(TorchSharp.DeviceType.CPU, TorchRuntime.Device.type);
            Assert.True(TorchContext.TurnOffOneDnn());
            TorchRuntime.Require(threads: 1);
            return;
        }

        // It tells itself of all that it does.
        Assert.DoesNotContain("primitive,exec,cpu", (await RunAsync(nameof(Without_oneDNN_it_computes_right_too), ("ONEDNN_VERBOSE", "1"))).Output, StringComparison.Ordinal);
        Assert.Contains("primitive,exec,cpu", (await RunAsync(nameof(Libtorch_computes_right), ("ONEDNN_VERBOSE", "1"))).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_are_not_normal_count_as_0_on_the_thread_that_computes() => Assert.Equal((0f, 0f), OwnThread.Run(() =>
    {
        using var tiny = torch.tensor([1e-40f, 1e-30f]);
        using var of = tiny * 1e30f;
        using var result = tiny * 1e-10f;
        return (of[0].item<float>(), result[1].item<float>());
    }));

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
        Assert.SkipWhen(Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null, "The environment says how they wait.");
        Assert.Contains("OMP_WAIT_POLICY = 'PASSIVE'", (await RunAsync(nameof(Libtorch_loads_and_computes), ("OMP_DISPLAY_ENV", "verbose"))).Errors, StringComparison.Ordinal);
    }

    private static bool IsChild => Environment.GetEnvironmentVariable(Child) is not null;

    /// <summary>Runs a test of this class in a process of its own, to its good end.</summary>
    private static async Task<(string Output, string Errors)> RunAsync(string test, (string Name, string Value) variable)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Lockstep.Training.Tests"), ["--filter-method", $"{typeof(TorchRuntimeTests).FullName}.{test}", "--progress", "off"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [variable.Name] = variable.Value, [Child] = "1" },
        };
        // The child speaks to nobody but its own console.
        start.Environment.Remove("TESTINGPLATFORM_DOTNETTEST_EXECUTIONID");
        using var child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, await output + errors);
        return (await output, errors);
    }
}
