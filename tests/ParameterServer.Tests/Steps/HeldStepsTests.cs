using Lockstep.Contracts.Faults;
using Lockstep.ParameterServer.Steps;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.ParameterServer.Tests.Steps;

/// <summary>A parameter server stays at versions that the folder of faults names.</summary>
public sealed class HeldStepsTests : IDisposable
{
    private readonly FaultFolder _folder = new(Directory.CreateTempSubdirectory("lockstep-").FullName);
    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _ends = new();

    [Fact]
    public async Task Stays_until_the_version_is_released()
    {
        var steps = new HeldSteps(_folder, _time, _ends.Token);
        _folder.Hold(4);
        await steps.PassAsync(3, TestContext.Current.CancellationToken);

        Task passing = steps.PassAsync(4, TestContext.Current.CancellationToken);
        await LookAgainAsync();
        Assert.False(passing.IsCompleted);
        _folder.Release(4);
        await PassAsync(passing);
    }

    [Fact]
    public async Task Stays_nowhere_once_the_process_is_asked_to_end()
    {
        var steps = new HeldSteps(_folder, _time, _ends.Token);
        _folder.Hold(4);
        Task passing = steps.PassAsync(4, TestContext.Current.CancellationToken);

        await _ends.CancelAsync();

        await PassAsync(passing);
    }

    public void Dispose()
    {
        _ends.Dispose();
        Directory.Delete(_folder.FullName, recursive: true);
    }

    private async Task LookAgainAsync()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        await Task.Yield();
    }

    private async Task PassAsync(Task passing)
    {
        while (!passing.IsCompleted)
        {
            await LookAgainAsync();
        }

        await passing;
    }
}
