using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>Pulls versions, and gives one only when all shards gave the same. Holds the flat model vector once.</summary>
/// <remarks>A shard's values stay valid while others still move: each is remembered by the version it was given at, and only a version that all share is handed out.</remarks>
public sealed class VersionPuller
{
    /// <summary>How long shards may disagree before this worker helps the one behind.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly string _jobId;
    private readonly IReadOnlyList<IShardClient> _shards;
    private readonly ModelLayout _layout;
    private readonly TimeProvider _time;
    private readonly WorkerMetrics _metrics;
    private readonly LostShards? _lost;
    private readonly Func<WorkerPace> _pace;
    // The version whose values of a shard are in the flat vector. Steps repeat from generation to generation.
    private readonly (int Generation, long Step)[] _held;
    private readonly ShardView?[] _views;
    private readonly float[] _values;

    /// <param name="lost">Waits for shards that lost the job; null: that is an error.</param>
    /// <param name="pace">What the shards are told of this worker.</param>
    internal VersionPuller(string jobId, IReadOnlyList<IShardClient> shards, ModelLayout layout, WorkerMetrics metrics, TimeProvider time, LostShards? lost, Func<WorkerPace> pace)
    {
        _pace = pace;
        _jobId = jobId;
        _shards = shards;
        _layout = layout;
        _metrics = metrics;
        _time = time;
        _lost = lost;
        _held = new (int, long)[shards.Count];
        Array.Fill(_held, (0, -1));
        _views = new ShardView?[shards.Count];
        _values = new float[layout.Elements];
    }

    public VersionPuller(string jobId, IReadOnlyList<IShardClient> shards, ModelLayout layout, WorkerMetrics metrics, TimeProvider time)
        : this(jobId, shards, layout, metrics, time, null, () => default)
    {
    }

    /// <value>The flat model vector of the version that was handed out last; changes with the next call of <see cref="NextAsync"/>.</value>
    public ReadOnlyMemory<float> Values => _values;

    /// <summary>Waits until all shards are at one cursor past <paramref name="after"/>.</summary>
    /// <param name="after">Null: whatever they have, as soon as it is equal.</param>
    public async Task<Version> NextAsync(Cursor? after, CancellationToken cancellation)
    {
        var first = new FirstArrival(_time);
        await ShardCalls.AllAsync(_shards, (shard, stop) => PullAsync(shard.Shard, after, first, stop), cancellation);
        while (true)
        {
            Cursor newest = _views.Max(view => view!.Cursor);
            int[] behind = [.. Enumerable.Range(0, _shards.Count).Where(shard => _views[shard]!.Cursor < newest)];
            if (behind.Length == 0)
                break;
            if (!await CatchUpAsync(behind, first, cancellation) && await TurnBackAsync(cancellation) is { } older)
                return older;
        }
        _metrics.Agreement(first.Elapsed);
        return Agreed();
    }

    /// <returns>Whether the shards that are behind moved in time.</returns>
    private async Task<bool> CatchUpAsync(int[] behind, FirstArrival first, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task pulls = Task.WhenAll(behind.Select(shard => PullAsync(shard, _views[shard]!.Cursor, first, patience.Token)));
        await Task.WhenAny(pulls, Task.Delay(Patience, _time, patience.Token));
        if (!pulls.IsCompleted)
            await patience.CancelAsync();
        await pulls.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        if (pulls.IsFaulted)
            await pulls;
        return pulls.IsCompletedSuccessfully;
    }

    /// <summary>A shard stays behind when the workers that held its version are gone: takes that version from what the other shards kept, so that this worker can bring what is missing.</summary>
    /// <returns>Null: a shard has let go of it, as all moved on meanwhile.</returns>
    private async Task<Version?> TurnBackAsync(CancellationToken cancellation)
    {
        Cursor oldest = _views.Min(view => view!.Cursor);
        for (int shard = 0; shard < _shards.Count; shard++)
        {
            if (_views[shard]!.Cursor == oldest)
                continue;
            long held = _held[shard].Generation == oldest.Generation ? _held[shard].Step : -1;
            if (await _shards[shard].PullAtAsync(_jobId, oldest, held, cancellation) is not { } view)
                return null;
            Keep(shard, view);
        }
        return Agreed();
    }

    private Version Agreed()
    {
        ShardView agreed = _views[0]!;
        return new Version(agreed.Cursor, agreed.Finished, [.. _views.Select(view => view!.Hints)], Math.Max(0, _views.Max(view => view!.SyncMs)));
    }

    private async Task PullAsync(int shard, Cursor? after, FirstArrival first, CancellationToken cancellation)
    {
        ShardView view = await PullAsync(shard, after, _held[shard].Step, cancellation);
        if (view.Values is null && view.Cursor.Generation != _held[shard].Generation)
        {
            // The job went back: what is held under this step's number is of another generation.
            view = await PullAsync(shard, after, -1, cancellation);
        }
        first.Mark();
        _metrics.Pulled(shard, _shards[shard].Path, (view.Values?.Length ?? 0L) * sizeof(float), TimeSpan.FromMilliseconds(view.ReceiveMs));
        WorkerSpans.Pulled(view, shard, _time);
        Keep(shard, view);
    }

    private Task<ShardView> PullAsync(int shard, Cursor? after, long heldStep, CancellationToken cancellation) =>
        _lost is null ? _shards[shard].PullAsync(_jobId, after, heldStep, _pace(), cancellation) : _lost.PullAsync(_shards[shard], after, heldStep, _pace(), cancellation);

    private void Keep(int shard, ShardView view)
    {
        if (view.Values is { } values)
        {
            _layout.Scatter(shard, values, _values);
            view.GiveBack?.Invoke(values);
            _held[shard] = (view.Cursor.Generation, view.Cursor.Step);
        }
        else if (_held[shard] != (view.Cursor.Generation, view.Cursor.Step))
        {
            throw new InvalidOperationException($"Shard {shard} gave no values for version {view.Cursor} of job {_jobId}, though this worker holds {_held[shard]}.");
        }
        // The values went into the flat vector; keeping them would hold the model twice.
        _views[shard] = view with { Values = null, GiveBack = null };
    }

    private sealed class FirstArrival(TimeProvider time)
    {
        private long _timestamp;

        public TimeSpan Elapsed => time.GetElapsedTime(Interlocked.Read(ref _timestamp));

        public void Mark() => Interlocked.CompareExchange(ref _timestamp, time.GetTimestamp(), 0);
    }
}
