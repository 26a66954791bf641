using System.Diagnostics;
using System.Numerics.Tensors;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;
using Lockstep.Training;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>One worker's part of a job: pull a version, compute leased slots, push their exact sum, wait for the next version.</summary>
/// <remarks>Nothing that happens here can change the result. A lease only says what is worth computing, a slot is the same whoever computes it, and the shards take each slot once.</remarks>
public sealed class TrainingLoop
{
    /// <summary>How many workers may hold one slot at once: the first and one that took it over.</summary>
    private const int MaximumLeases = 2;

    private readonly TrainingJob _job;
    private readonly string _jobId;
    private readonly string _workerId;
    private readonly IReadOnlyList<IShardClient> _shards;
    private readonly ILeases _leases;
    private readonly ITrainer _trainer;
    private readonly ComputeThread _compute;
    private readonly WorkerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LostShards _lost;
    private readonly StepTrace _trace;
    private readonly VersionPuller _puller;
    private readonly EvaluationRound _evaluation;
    private readonly GroupBuilder _group;
    private readonly Lazy<GroupBuilder> _single;
    private readonly SlotClock _clock = new();
    private readonly float[] _gradient;
    private readonly List<long> _sampleIds = [];
    private readonly SlotsInHand _hand;
    private (int Generation, long Step) _loaded = (0, -1);
    // What the shards are told while the next version is waited for.
    private WorkerPace _pace;

    /// <param name="workerId">Unique among the workers.</param>
    /// <param name="shards">All shards of the job, by index.</param>
    /// <param name="trainer">Used on <paramref name="compute"/> only.</param>
    /// <param name="trace">Null: no step is traced.</param>
    public TrainingLoop(TrainingJob job, string workerId, IReadOnlyList<IShardClient> shards, ILeases leases, ITrainer trainer, ComputeThread compute, WorkerMetrics metrics, TimeProvider time, ILogger<TrainingLoop> logger, StepTrace? trace = null)
    {
        _job = job;
        _jobId = job.Descriptor.JobId;
        _workerId = workerId;
        _shards = shards;
        _leases = leases;
        _trainer = trainer;
        _compute = compute;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _trace = trace ?? StepTrace.Off;
        _lost = new LostShards(job, trainer, compute, time, logger);
        _puller = new VersionPuller(_jobId, shards, job.Layout, metrics, time, _lost, () => _pace);
        _hand = new SlotsInHand(leases, _jobId, time, logger);
        _evaluation = new EvaluationRound(job, workerId, shards[0], leases, _hand, trainer, compute, metrics, time);
        _group = new GroupBuilder(job.Descriptor, job.Layout);
        // A contested slot is rare: its buffer is made when it comes.
        _single = new Lazy<GroupBuilder>(() => new GroupBuilder(job.Descriptor, job.Layout));
        _gradient = new float[trainer.ElementCount];
    }

    /// <summary>Works until the job is finished or <paramref name="drain"/> asks to leave.</summary>
    /// <param name="drain">Finish the slot in hand, push what was computed, hand the rest back and return.</param>
    /// <param name="abort">Stop now; slots in hand are handed back where that is possible at once.</param>
    /// <returns>Whether the job is finished.</returns>
    public async Task<bool> RunAsync(CancellationToken drain, CancellationToken abort)
    {
        await _lost.OpenAsync(_shards, abort);
        _logger.Opened(_jobId, _job.Layout.Elements, _shards.Count, _job.Descriptor.TotalSteps, _job.Descriptor.Slots);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(drain, abort);
        try
        {
            Version version = await _puller.NextAsync(after: null, leave.Token);
            _logger.Started(_jobId, version.Cursor);
            while (true)
            {
                long started = _time.GetTimestamp();
                using Activity? span = WorkerSpans.Step(_trace, _jobId, version.Cursor, _workerId);
                await LoadAsync(version.Cursor);
                bool whole = !_job.Descriptor.EvaluatesAt(version.Cursor.Step) || await _evaluation.RunAsync(version.Cursor, drain, abort);
                if (whole && version.Finished)
                {
                    _hand.Forget();
                    if (await WaitOverAsync(version, leave.Token) is { } again)
                    {
                        version = again;
                        continue;
                    }
                    _logger.Finished(_jobId, version.Cursor.Step);
                    return true;
                }
                if (whole)
                    await ContributeAsync(version, drain, abort);
                if (drain.IsCancellationRequested)
                {
                    _logger.Drained(_jobId, version.Cursor);
                    return false;
                }
                version = await WaitNextAsync(version, drain, abort, leave.Token);
                _metrics.Step(_time.GetElapsedTime(started));
            }
        }
        catch (OperationCanceledException) when (drain.IsCancellationRequested && !abort.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            await _hand.LeaveAsync();
        }
    }

    private async Task LoadAsync(Cursor cursor)
    {
        if (_loaded == (cursor.Generation, cursor.Step))
            return;
        using Activity? span = WorkerSpans.Part("load");
        long started = _time.GetTimestamp();
        await _compute.RunAsync(() => _trainer.Load(_puller.Values.Span));
        _loaded = (cursor.Generation, cursor.Step);
        _metrics.Load(_time.GetElapsedTime(started));
    }

    /// <summary>Computes slots for as long as some are free, and pushes them.</summary>
    private async Task ContributeAsync(Version version, CancellationToken drain, CancellationToken abort)
    {
        // A refused group frees its slots as contested; a contested slot goes alone and is not refused, so this ends.
        while (!drain.IsCancellationRequested && await ContributeGroupAsync(version, drain, abort))
        {
            _metrics.Regrouped();
        }
    }

    /// <returns>Whether slots were handed back that should be tried again.</returns>
    private async Task<bool> ContributeGroupAsync(Version version, CancellationToken drain, CancellationToken abort)
    {
        Cursor cursor = version.Cursor;
        List<int> group = [];
        bool again = false;
        Lease? next = await _leases.AdvanceAsync(cursor, _job.Descriptor.Slots, _workerId, abort);
        if (next is null)
            return false;
        await _compute.RunAsync(() => _group.Begin(cursor, version.Hints));
        while (next is { } lease)
        {
            _hand.Leased(cursor, lease.Slot);
            SlotResult result = await ComputeAsync(cursor.Step, lease.Slot);
            Completion completion = await _leases.CompleteAsync(cursor, lease.Slot, _workerId, leaseNext: !drain.IsCancellationRequested, abort);
            if (completion.Stale)
            {
                _hand.Forget();
                CheckLate(cursor, lease.Slot, result);
                return false;
            }
            next = completion.Next;
            if (next is { } leased)
                _hand.Leased(cursor, leased.Slot);
            if (group.Contains(lease.Slot))
            {
                // An emptied lease table may give this worker what it has already.
                continue;
            }

            if (completion.MayJoinGroup && !lease.Contested)
            {
                if (!await EncodeAsync(_group, lease.Slot, result))
                {
                    if (group.Count > 0)
                        await PushAsync(version, _group, group, abort);
                    throw await ReportNotFiniteAsync(version, lease.Slot, result, abort);
                }
                group.Add(lease.Slot);
                if (_group.IsFull)
                {
                    again |= (await PushAsync(version, _group, group, abort)).TryAgain;
                    group.Clear();
                    await _compute.RunAsync(() => _group.Begin(cursor, version.Hints));
                }
            }
            else
            {
                PushOutcome outcome = await PushAloneAsync(version, lease.Slot, result, abort);
                if (outcome.Behind)
                {
                    // The slots that are handed back would be leased again at once, for nothing.
                    await _hand.ReleaseAsync(abort);
                    return false;
                }
                again |= outcome.TryAgain;
            }
        }
        if (group.Count > 0)
            again |= (await PushAsync(version, _group, group, abort)).TryAgain;
        return again;
    }

    /// <summary>Waits for the version after <paramref name="version"/>; whenever it is overdue, looks for slots that their workers do not bring.</summary>
    private async Task<Version> WaitNextAsync(Version version, CancellationToken drain, CancellationToken abort, CancellationToken leave)
    {
        using Activity? span = WorkerSpans.Part("wait");
        long started = _time.GetTimestamp();
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(leave);
        _pace = new WorkerPace(_workerId, _clock.TakeRecent().TotalMilliseconds);
        Task<Version> next = _puller.NextAsync(version.Cursor, waiting.Token);
        try
        {
            TimeSpan delay = _clock.FirstDelay();
            while (!await Waiting.EndsWithinAsync(next, delay, _time, waiting.Token))
            {
                leave.ThrowIfCancellationRequested();
                await _hand.ConfirmAsync(abort);
                bool found = false;
                while (!next.IsCompleted && !drain.IsCancellationRequested && await TakeOverAsync(version, abort))
                    found = true;
                delay = found ? _clock.FirstDelay() : SlotClock.NextDelay(delay);
            }
            Version result = await next;
            _metrics.VersionWait(_time.GetElapsedTime(started), TimeSpan.FromMilliseconds(result.SyncMs));
            return result;
        }
        finally
        {
            await waiting.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits until the job is over: until its last checkpoint is on disk, a shard that dies takes the job back, and somebody must do the steps again.</summary>
    /// <returns>The version that the job went back to; null: it is over.</returns>
    private async Task<Version?> WaitOverAsync(Version last, CancellationToken leave)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(leave);
        Task<Version> next = _puller.NextAsync(last.Cursor, waiting.Token);
        Task<bool> over = _lost.WaitOverAsync(_shards[0], waiting.Token);
        try
        {
            await Task.WhenAny(next, over);
            return over.IsCompleted && await over ? null : await next;
        }
        finally
        {
            await waiting.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>Whether a slot was taken over and is in everywhere.</returns>
    private async Task<bool> TakeOverAsync(Version version, CancellationToken abort)
    {
        Cursor cursor = version.Cursor;
        IReadOnlyList<int>[] lacking = await ShardCalls.AllAsync(_shards, (shard, stop) => _lost.MissingAsync(shard, cursor, stop), abort);
        int[] missing = [.. lacking.SelectMany(slots => slots).Distinct().Order()];
        if (missing.Length == 0)
            return false;
        if (await _leases.TakeOverAsync(cursor, _job.Descriptor.Slots, missing, _workerId, MaximumLeases, abort) is not { } lease)
            return false;
        _logger.TookOver(_jobId, cursor, lease.Slot);
        _metrics.TakenOver();
        _hand.Leased(cursor, lease.Slot);
        SlotResult result = await ComputeAsync(cursor.Step, lease.Slot);
        Completion completion = await _leases.CompleteAsync(cursor, lease.Slot, _workerId, leaseNext: false, abort);
        if (completion.Stale)
        {
            _hand.Forget();
            CheckLate(cursor, lease.Slot, result);
            return false;
        }
        PushOutcome outcome = await PushAloneAsync(version, lease.Slot, result, abort);
        return outcome.Missing.Count == 0;
    }

    private async Task<SlotResult> ComputeAsync(long step, int slot)
    {
        using Activity? span = WorkerSpans.Part("compute slot", slot);
        (SlotResult result, TimeSpan data, TimeSpan compute) = await _compute.RunAsync(() =>
        {
            long started = _time.GetTimestamp();
            _sampleIds.Clear();
            _job.Sampler.SlotSamples(step, slot, _sampleIds);
            int stepSamples = _job.Sampler.SamplesInStep(step);
            TimeSpan data = _time.GetElapsedTime(started);
            started = _time.GetTimestamp();
            SlotResult result;
            if (_sampleIds.Count == 0)
            {
                Array.Clear(_gradient);
                result = new SlotResult(0, 0, []);
            }
            else
            {
                result = _trainer.Run(step, slot, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sampleIds), stepSamples, _gradient);
            }
            return (result, data, _time.GetElapsedTime(started));
        });
        _metrics.Data(data);
        _metrics.Compute(compute, result.Samples);
        _clock.Observe(compute);
        return result;
    }

    /// <returns>False: the slot is not finite, and the sum is what it was.</returns>
    private async Task<bool> EncodeAsync(GroupBuilder encoder, int slot, SlotResult result)
    {
        using Activity? span = WorkerSpans.Part("encode", slot);
        long started = _time.GetTimestamp();
        bool finite = await _compute.RunAsync(() => encoder.Add(slot, result.Samples, result.LossSum, result.MetricParts, _gradient));
        _metrics.Encode(_time.GetElapsedTime(started));
        return finite;
    }

    private async Task<PushOutcome> PushAloneAsync(Version version, int slot, SlotResult result, CancellationToken abort)
    {
        GroupBuilder encoder = _single.Value;
        await _compute.RunAsync(() => encoder.Begin(version.Cursor, version.Hints));
        if (!await EncodeAsync(encoder, slot, result))
            throw await ReportNotFiniteAsync(version, slot, result, abort);
        return await PushAsync(version, encoder, [slot], abort);
    }

    /// <summary>Tells the shards of a slot that enters no sum; another worker tries it.</summary>
    /// <returns>Why this worker does not go on.</returns>
    private async Task<ProtocolException> ReportNotFiniteAsync(Version version, int slot, SlotResult result, CancellationToken abort)
    {
        await PushAsync(version.Cursor, [slot], _group.NotFinite(_workerId, slot, result.Samples, result.LossSum, result.MetricParts), abort);
        return NotFinite(version.Cursor, [slot]);
    }

    private async Task<PushOutcome> PushAsync(Version version, GroupBuilder encoder, IReadOnlyList<int> slots, CancellationToken abort) =>
        await PushAsync(version.Cursor, slots, await _compute.RunAsync(() => encoder.Build(_workerId, version.SyncMs)), abort);

    private async Task<PushOutcome> PushAsync(Cursor cursor, IReadOnlyList<int> slots, IReadOnlyList<Contribution> parts, CancellationToken abort)
    {
        using Activity? span = WorkerSpans.Part("push");
        long started = _time.GetTimestamp();
        PushResult[] results = await ShardCalls.AllAsync(_shards, (shard, stop) => _lost.PushAsync(shard, parts[shard.Shard], stop), abort);
        _metrics.Push(_time.GetElapsedTime(started));
        _metrics.Pushed(_shards[0].Path, parts.Sum(part => part.Bytes));

        PushOutcome outcome = PushOutcome.Of(cursor, slots, results);
        Report(cursor, slots, results, outcome);
        if (outcome.Missing.Count > 0)
            await _leases.ReleaseAsync(cursor, outcome.Missing, abort);
        _hand.Pushed(slots, outcome.Held);
        return outcome;
    }

    /// <summary>Looks at what comes too late to be pushed.</summary>
    private void CheckLate(Cursor cursor, int slot, SlotResult result)
    {
        if (!double.IsFinite(result.LossSum) || !TensorPrimitives.IsFiniteAll<float>(_gradient))
            throw NotFinite(cursor, [slot]);
    }

    private ProtocolException NotFinite(Cursor cursor, IReadOnlyList<int> slots) =>
        new(ProtocolError.NotFinite, $"Job {_jobId}: this worker computed a gradient of step {cursor.Step} that is not finite (slots {string.Join(", ", slots)}).");

    private void Report(Cursor cursor, IReadOnlyList<int> slots, PushResult[] results, PushOutcome outcome)
    {
        if (outcome.Over)
            _metrics.Stale();
        for (int shard = 0; shard < results.Length; shard++)
        {
            PushResult result = results[shard];
            if (result.Mismatched.Count > 0)
            {
                _metrics.Mismatched(result.Mismatched.Count);
                _logger.Mismatched(_jobId, cursor, shard, string.Join(' ', result.Mismatched));
            }
            if (result.Status == PushStatus.Refused)
            {
                _metrics.Refused();
                _logger.Refused(_jobId, cursor, shard, string.Join(' ', slots), string.Join(' ', result.Missing));
            }
            else if (result.Status == PushStatus.Stale && result.ShardCursor <= cursor)
            {
                _logger.ShardBehind(_jobId, cursor, shard, result.ShardCursor);
            }
        }
    }
}
