using System.Diagnostics;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests;

/// <summary>A number that an operation was given lives until the operation is over, whenever the garbage collector runs.</summary>
public sealed class ScalarLifetimeTests
{
    [Fact]
    public void TorchSharp_is_compiled_so_that_what_a_method_was_given_lives_as_long_as_it_runs() =>
        Assert.True(typeof(torch).Assembly.GetCustomAttributes(false).OfType<DebuggableAttribute>().Single() is { IsJITOptimizerDisabled: true, IsJITTrackingEnabled: true });

    [Fact]
    public async Task An_operation_gets_its_number_while_the_garbage_collector_runs()
    {
        // More than a method is called before it is compiled well.
        const int Operations = 3000;
        const int Elements = 50_000;
        using var stop = new CancellationTokenSource();
        Task collecting = Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    GC.Collect(0);
                    GC.WaitForPendingFinalizers();
                }
            },
            TestContext.Current.CancellationToken);
        int wrong = 0;
        // The factor is read when the whole numbers have been converted.
        using (Tensor zeros = torch.zeros(Elements), ones = torch.ones(Elements, torch.int64))
        {
            for (int i = 0; i < Operations; i++)
            {
                using Tensor sum = zeros.add(ones, i);
                using Tensor last = sum[Elements - 1];
                wrong += last.item<float>() == i ? 0 : 1;
            }
        }

        await stop.CancelAsync();
        await collecting;
        Assert.Equal(0, wrong);
    }
}
