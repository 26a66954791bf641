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
}
