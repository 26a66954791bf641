using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Hosting;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>A parameter server that is asked to end keeps a checkpoint and goes no further, however slow its disk is.</summary>
public sealed class LastCheckpointTests : IDisposable
{
    // Longer than any of this takes.
    private static readonly StubJob Job = Cases.All["everything"] with { TotalSteps = 1_000_000, CheckpointEvery = 0 };

    private readonly TemporaryFolder _folder = new();
    private readonly ManualResetEventSlim _disk = new();
    private readonly TaskCompletionSource _writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LogLines _log = new();
    private bool _isSlow;

    public void Dispose()
    {
        _disk.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task One_that_was_asked_for_before_is_not_taken_for_the_last()
    {
        await using RecoveringRun run = Start();
        ShardHost going = (await run.Cluster.AliveAsync(1, run.End)).Host;
        Begin(run);
        Task<long> asked = run.Cluster.Clients[0].CheckpointAsync(StubJob.Id, run.End);
        await _writing.Task.WaitAsync(run.End);
        // The version is cut, and the shard goes on while it is written.
        long cut = going.Jobs[StubJob.Id].Step;
        Assert.True(SpinWait.SpinUntil(() => going.Jobs[StubJob.Id].Step > cut + 2, Swarm.Patience));

        Task kept = new LastCheckpoint(going, run.Cluster.Clients[0], TimeProvider.System, _log).KeepAsync();
        _disk.Set();
        await kept.WaitAsync(run.End);

        long newest = CheckpointSet.List(_folder.Path)[^1];
        Assert.True(newest > await asked, $"{newest} was kept, {await asked} asked for before");
        Assert.Equal(newest, going.Jobs[StubJob.Id].Step);
    }

    [Fact]
    public async Task A_disk_that_takes_its_time_is_waited_for()
    {
        await using RecoveringRun run = Start();
        ShardHost going = (await run.Cluster.AliveAsync(1, run.End)).Host;
        Begin(run);
        var time = new FakeTimeProvider();

        Task kept = new LastCheckpoint(going, run.Cluster.Clients[0], time, _log).KeepAsync();
        await _writing.Task.WaitAsync(run.End);
        Assert.True(SpinWait.SpinUntil(() => going.IsParked(StubJob.Id), Swarm.Patience));
        // Nothing moves in the meantime, and that is not because nobody is left.
        for (int look = 0; look < 5; look++)
        {
            time.Advance(TimeSpan.FromSeconds(1.6));
            Assert.False(kept.IsCompleted);
        }

        _disk.Set();
        await kept.WaitAsync(run.End);
        Assert.Equal([$"Job job: going down after the checkpoint of version {going.Jobs[StubJob.Id].Step}"], _log.Lines);
        Assert.Equal(going.Jobs[StubJob.Id].Step, CheckpointSet.List(_folder.Path)[^1]);
    }

    private RecoveringRun Start() => new(Job, 2, _folder.Path, (shard, what, name) =>
    {
        if (Volatile.Read(ref _isSlow) && shard == 1 && what == "write" && name.StartsWith("shard-1-", StringComparison.Ordinal))
        {
            _writing.TrySetResult();
            Assert.True(_disk.Wait(Swarm.Patience));
        }
    });

    /// <summary>Trains until the first checkpoint is on disk; from then on the disk is slow.</summary>
    private void Begin(RecoveringRun run)
    {
        run.Hire("a");
        Assert.True(SpinWait.SpinUntil(() => CheckpointSet.List(_folder.Path).Contains(0), Swarm.Patience));
        Volatile.Write(ref _isSlow, true);
    }

    private sealed class LogLines : ILogger<LastCheckpoint>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Add(formatter(state, exception));
    }
}
