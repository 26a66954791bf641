using Lockstep.Contracts.Runs;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Tests.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Recording;

/// <summary>Taking over a run's records, one at a time.</summary>
public sealed class RecordsLockTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly JobFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_next_waits_until_it_is_free()
    {
        var run = new RunFolder(_folder.In("run"));
        IDisposable first = await RecordsLock.TakeAsync(run, _time, Token);
        Task<IDisposable> second = RecordsLock.TakeAsync(run, _time, Token);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(second.IsCompleted);

        first.Dispose();
        while (!second.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        (await second).Dispose();
    }

    [Fact]
    public async Task Where_none_can_be_there_nobody_waits()
    {
        // A file stands where the folder would be.
        string path = _folder.In("run");
        await File.WriteAllTextAsync(path, "", Token);
        Assert.Same(Stream.Null, await RecordsLock.TakeAsync(new RunFolder(path), _time, Token));
    }
}
