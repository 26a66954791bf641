using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

/// <summary>The sums of a worker: those that grow, those on their way, and those whose memory is free. Of the compute thread.</summary>
/// <param name="room">Makes memory for the sums; null: of the heap.</param>
internal sealed class PushDesk(TrainingPlan job, Func<int, Memory<int>>? room, WorkerMetrics metrics, TimeProvider time, ILogger logger)
{
    private readonly Stack<GroupBuilder> _free = [];
    // By number of the push. As many as were pushed and not answered: one in steady state.
    private readonly Dictionary<long, Sent> _sent = [];

    /// <summary>An empty sum of slots at a version.</summary>
    public GroupBuilder Begin(WholeVersion version)
    {
        GroupBuilder builder = _free.TryPop(out GroupBuilder? free) ? free : new GroupBuilder(job.Descriptor, job.Layout, room);
        builder.Begin(version.Cursor, [.. version.Parts.Select(p => p.Hints)]);
        return builder;
    }

    /// <summary>A sum that is not pushed: its step is over.</summary>
    public void Drop(GroupBuilder? builder)
    {
        if (builder is not null)
            _free.Push(builder);
    }

    /// <summary>A sum is on its way, and stays as it is until all shards have answered.</summary>
    /// <param name="builder">Null: it has no memory of its own.</param>
    public void Send(long push, GroupBuilder? builder, long bytes, string path)
    {
        _sent.Add(push, new Sent(builder, time.GetTimestamp()));
        metrics.Pushed(path, bytes);
    }

    /// <summary>One shard answered.</summary>
    public void Answered(long push, int shard, PushResult result)
    {
        if (result.Mismatched.Count == 0 || !_sent.ContainsKey(push))
            return;
        metrics.Mismatched(result.Mismatched.Count);
        logger.Mismatched(job.Descriptor.JobId, result.ShardCursor, shard, string.Join(' ', result.Mismatched));
    }

    /// <summary>All shards answered, or will not.</summary>
    /// <exception cref="ProtocolException">It was the report of a slot that is not finite: this worker is no good, or the job.</exception>
    public void Settle(PushEnd end)
    {
        if (!_sent.Remove(end.Id, out Sent? sent))
            return;
        metrics.Push(time.GetElapsedTime(sent.Since));
        // Nobody knows who still reads what went out on a stream that broke: that memory is the collector's.
        if (end.IsAnswered)
            Drop(sent.Builder);
        foreach (PushResult result in end.Results)
        {
            if (result.Status == PushStatus.Refused)
            {
                metrics.Refused();
                logger.Refused(job.Descriptor.JobId, end.Version, string.Join(' ', end.Slots), string.Join(' ', result.Missing));
            }
            else if (result.Status == PushStatus.Stale && result.ShardCursor <= end.Version)
            {
                logger.ShardBehind(job.Descriptor.JobId, end.Version, result.ShardCursor);
            }
        }

        if (end.Results.Any(r => r.Status == PushStatus.Stale && r.ShardCursor > end.Version))
            metrics.Stale();
        // A report that comes late is not looked at by the shards; this worker is no better for that.
        if (sent.Builder is null)
            throw NotFinite(job.Descriptor.JobId, end.Version.Step, end.Slots);
    }

    public static ProtocolException NotFinite(string jobId, long step, IReadOnlyList<int> slots) =>
        new(ProtocolError.NotFinite, $"Job {jobId}: this worker computed a gradient of step {step} that is not finite (slots {string.Join(", ", slots)}).");

    private sealed record Sent(GroupBuilder? Builder, long Since);
}
