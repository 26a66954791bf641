using TorchSharp;

namespace Lockstep.Training.Tests;

public class TorchRuntimeTests
{
    [Fact]
    public void Libtorch_loads_and_computes()
    {
        TorchRuntime.Load(1);
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
        Assert.EndsWith("cpu", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_thread_count_is_refused()
    {
        TorchRuntime.Load(1);
        Assert.Throws<InvalidOperationException>(() => TorchRuntime.Load(2));
    }
}
