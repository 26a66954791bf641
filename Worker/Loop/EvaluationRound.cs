using System.Runtime.InteropServices;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>One worker's part of the evaluation of a version: leased slots of the validation data, handed in to the first shard.</summary>
internal sealed class EvaluationRound(TrainingJob job, string workerId, IShardClient first, ILeases leases, SlotsInHand hand, ITrainer trainer, ComputeThread compute, WorkerMetrics metrics, TimeProvider time)
{
    /// <summary>Two workers at most on one slot: the first and one that took it over.</summary>
    private const int MaximumLeases = 2;

    private readonly SlotClock _clock = new();
    private readonly List<long> _sampleIds = [];
    private Cursor? _done;

    /// <summary>Takes part until the evaluation of the loaded version is whole. A version that was evaluated already costs one question.</summary>
    /// <param name="version">Where the job is.</param>
    /// <param name="drain">Hand in the slot in hand, then stop.</param>
    /// <returns>False: the first shard lost the job, or it goes on elsewhere; another version comes.</returns>
    /// <exception cref="OperationCanceledException">It was told to stop.</exception>
    public async Task<bool> RunAsync(Cursor version, CancellationToken drain, CancellationToken abort)
    {
        Cursor cursor = version with { Attempt = Cursor.Evaluation };
        if (_done == cursor)
            return true;
        try
        {
            // A job that went back comes to versions that were evaluated before.
            if (cursor.Generation == 0 || (await first.MissingAsync(job.Descriptor.JobId, cursor, abort)).Count > 0)
            {
                Lease? lease = await leases.AdvanceAsync(cursor, job.Descriptor.EvaluationSlots, workerId, abort);
                while (lease is { } current)
                    lease = await EvaluateAsync(cursor, current.Slot, leaseNext: !drain.IsCancellationRequested, abort);
                await WaitAsync(cursor, drain, abort);
            }
        }
        catch (ProtocolException exception) when (LostShards.IsLoss(exception))
        {
            return false;
        }
        _done = cursor;
        return true;
    }

    private async Task WaitAsync(Cursor cursor, CancellationToken drain, CancellationToken abort)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(drain, abort);
        Task whole = first.WaitEvaluatedAsync(job.Descriptor.JobId, cursor, waiting.Token);
        try
        {
            TimeSpan delay = _clock.FirstDelay();
            while (!await Waiting.EndsWithinAsync(whole, delay, time, waiting.Token))
            {
                waiting.Token.ThrowIfCancellationRequested();
                await hand.ConfirmAsync(abort);
                IReadOnlyList<int> missing = await first.MissingAsync(job.Descriptor.JobId, cursor, abort);
                if (missing.Count > 0 && await leases.TakeOverAsync(cursor, job.Descriptor.EvaluationSlots, missing, workerId, MaximumLeases, abort) is { } lease)
                {
                    metrics.TakenOver();
                    await EvaluateAsync(cursor, lease.Slot, leaseNext: false, abort);
                    delay = _clock.FirstDelay();
                }
                else
                {
                    delay = SlotClock.NextDelay(delay);
                }
            }
            await whole;
            drain.ThrowIfCancellationRequested();
        }
        finally
        {
            await waiting.CancelAsync();
            await whole.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<Lease?> EvaluateAsync(Cursor cursor, int slot, bool leaseNext, CancellationToken abort)
    {
        hand.Leased(cursor, slot);
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
        await first.ReportEvaluationAsync(job.Descriptor.JobId, cursor, slot, workerId, part, abort);
        hand.Pushed([slot], [slot]);
        Completion completion = await leases.CompleteAsync(cursor, slot, workerId, leaseNext, abort);
        return completion.Stale ? null : completion.Next;
    }
}
