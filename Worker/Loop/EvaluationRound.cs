using System.Runtime.InteropServices;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>One worker's part of the evaluation of a version: leased slots of the validation data, handed in to the first shard.</summary>
internal sealed class EvaluationRound(TrainingJob job, string workerId, IShardClient first, ILeases leases, ITrainer trainer, ComputeThread compute, WorkerMetrics metrics, TimeProvider time)
{
    /// <summary>Two workers at most on one slot: the first and one that took it over.</summary>
    private const int MaximumLeases = 2;

    private readonly SlotClock _clock = new();
    private readonly List<long> _sampleIds = [];
    private Cursor? _done;

    /// <summary>Takes part until the evaluation of the loaded version is whole. A version that was evaluated already costs one question.</summary>
    /// <param name="version">Where the job is, any attempt.</param>
    /// <param name="leave">Stop after the slot in hand.</param>
    public async Task RunAsync(Cursor version, CancellationToken leave)
    {
        Cursor cursor = version with { Attempt = Cursor.Evaluation };
        if (_done == cursor)
            return;
        int slots = job.Descriptor.EvaluationSlots;
        Lease? lease = await leases.AdvanceAsync(cursor, slots, workerId, leave);
        while (lease is { } current)
            lease = await EvaluateAsync(cursor, current.Slot, leaseNext: true, leave);
        await WaitAsync(cursor, leave);
        _done = cursor;
    }

    private async Task WaitAsync(Cursor cursor, CancellationToken leave)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(leave);
        Task whole = first.WaitEvaluatedAsync(job.Descriptor.JobId, cursor, waiting.Token);
        try
        {
            TimeSpan delay = _clock.FirstDelay();
            while (!whole.IsCompleted)
            {
                using var timer = CancellationTokenSource.CreateLinkedTokenSource(waiting.Token);
                await Task.WhenAny(whole, Task.Delay(delay, time, timer.Token));
                await timer.CancelAsync();
                leave.ThrowIfCancellationRequested();
                if (whole.IsCompleted)
                    break;
                IReadOnlyList<int> missing = await first.MissingAsync(job.Descriptor.JobId, cursor, leave);
                if (missing.Count > 0 && await leases.TakeOverAsync(cursor, job.Descriptor.EvaluationSlots, missing, workerId, MaximumLeases, leave) is { } lease)
                {
                    metrics.TakenOver();
                    await EvaluateAsync(cursor, lease.Slot, leaseNext: false, leave);
                    delay = _clock.FirstDelay();
                }
                else
                {
                    delay = SlotClock.NextDelay(delay);
                }
            }
            await whole;
        }
        finally
        {
            await waiting.CancelAsync();
            await whole.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<Lease?> EvaluateAsync(Cursor cursor, int slot, bool leaseNext, CancellationToken leave)
    {
        try
        {
            (EvaluationPart part, TimeSpan elapsed) = await compute.RunAsync(() =>
            {
                long started = time.GetTimestamp();
                _sampleIds.Clear();
                (long from, long to) = EvaluationSlots.Range(slot, job.Descriptor.EvaluationSlots, trainer.ValidationSamples);
                for (long id = from; id < to; id++)
                    _sampleIds.Add(id);
                return (trainer.Evaluate(CollectionsMarshal.AsSpan(_sampleIds)), time.GetElapsedTime(started));
            });
            metrics.Evaluate(elapsed);
            _clock.Observe(elapsed);
            await first.ReportEvaluationAsync(job.Descriptor.JobId, cursor, slot, workerId, part, leave);
            await leases.PushedAsync(cursor, [slot], leave);
            Completion completion = await leases.CompleteAsync(cursor, slot, workerId, leaseNext, leave);
            return completion.Stale ? null : completion.Next;
        }
        catch (OperationCanceledException)
        {
            // Nobody but the lease table knows that this slot was in hand.
            await leases.ReleaseAsync(cursor, [slot], CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(2), time).ConfigureAwait(false);
            throw;
        }
    }
}
