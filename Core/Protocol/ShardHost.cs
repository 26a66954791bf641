using System.Collections.Concurrent;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Protocol;

/// <summary>A parameter server without its wire: the shards of several jobs, each moving from version to version as contributions come in.</summary>
/// <param name="shard">Index among the parameter servers.</param>
/// <param name="first">ps-0; null where this is it.</param>
/// <param name="memoryLimit">Bytes that all jobs together may take; a job that does not fit is refused.</param>
public sealed class ShardHost(int shard, IShardPeer? first, long memoryLimit, TimeProvider time, IShardObserver observer) : IShardHost
{
    private readonly ConcurrentDictionary<string, HostedJob> _jobs = new(StringComparer.Ordinal);
    private readonly Lock _opening = new();

    /// <value>The jobs that are hosted, with their shard's cursor.</value>
    public IReadOnlyDictionary<string, Cursor> Jobs => _jobs.ToDictionary(j => j.Key, j => j.Value.Cursor, StringComparer.Ordinal);

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation)
    {
        lock (_opening)
        {
            if (_jobs.TryGetValue(descriptor.JobId, out HostedJob? known))
            {
                Compare(known.Descriptor, descriptor);
                return Task.FromResult(known.NeedsValues);
            }

            Validate(descriptor);
            long bytes = ShardJob.BytesNeeded(descriptor, shard);
            long taken = _jobs.Values.Sum(j => j.Bytes);
            if (bytes > memoryLimit - taken)
            {
                throw new ProtocolException(ProtocolError.TooLarge, $"Job {descriptor.JobId} needs {Mebibytes(bytes)} on shard {shard}, which has {Mebibytes(memoryLimit - taken)} left of {Mebibytes(memoryLimit)}. Use more shards, or give the parameter servers more memory.");
            }

            var job = new HostedJob(descriptor, shard, first, bytes, time, observer);
            _jobs[descriptor.JobId] = job;
            observer.Opened(descriptor, job.Elements, bytes);
            return Task.FromResult(job.NeedsValues);
        }
    }

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation)
    {
        Job(jobId).Initialize(values.Span);
        return Task.CompletedTask;
    }

    public JobDescriptor? Describe(string jobId) => _jobs.TryGetValue(jobId, out HostedJob? job) ? job.Descriptor : null;

    public Task<PulledVersion> PullAsync(string jobId, Cursor? after, long heldStep, CancellationToken cancellation) => Job(jobId).PullAsync(after, heldStep, cancellation);

    public PulledVersion? PullAt(string jobId, Cursor cursor, long heldStep) => Job(jobId).PullAt(cursor, heldStep);

    public IPushSession BeginPush(Contribution header) => Job(header.JobId).BeginPush(header);

    public IReadOnlyList<int> Missing(string jobId, Cursor cursor) => cursor.Attempt == Cursor.Evaluation ? Board(jobId).MissingEvaluation(cursor) : Job(jobId).Missing(cursor);

    public void ReportEvaluation(string jobId, Cursor cursor, int slot, string workerId, EvaluationPart part) => Board(jobId).ReportEvaluation(cursor, slot, workerId, part);

    public Task WaitEvaluatedAsync(string jobId, Cursor cursor, CancellationToken cancellation) => Board(jobId).WaitEvaluatedAsync(cursor, cancellation);

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => Board(jobId).WatchAsync(from, cancellation);

    public Task CloseAsync(string jobId, CancellationToken cancellation)
    {
        if (_jobs.TryRemove(jobId, out HostedJob? job))
        {
            job.Fail(new ProtocolException(ProtocolError.UnknownJob, $"Job {jobId} was closed."), isClose: true);
            observer.Closed(jobId);
        }

        return Task.CompletedTask;
    }

    public Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) => Board(jobId).ClipFactorAsync(cursor, shard, blockSquares).WaitAsync(cancellation);

    public Task AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation) => Board(jobId).AnnounceAsync(announcement).WaitAsync(cancellation);

    public Task CheckpointDurableAsync(string jobId, long version, int shard, string sha256, CancellationToken cancellation)
    {
        Board(jobId).CheckpointDurable(version, shard, sha256);
        return Task.CompletedTask;
    }

    private HostedJob Job(string jobId) => _jobs.TryGetValue(jobId, out HostedJob? job)
        ? job
        : throw new ProtocolException(ProtocolError.UnknownJob, $"Shard {shard} hosts no job {jobId}.");

    private StepBoard Board(string jobId) => Job(jobId).Board ?? throw new ProtocolException(ProtocolError.Invalid, $"Only shard 0 answers this, not shard {shard}.");

    private void Validate(JobDescriptor descriptor)
    {
        if (descriptor.Shards < 1 || shard >= descriptor.Shards || descriptor.Slots is < 1 or > 65_536 || descriptor.TotalSteps < 1 || descriptor.StepsPerEpoch < 1 || descriptor.Tensors.Count == 0
            || descriptor.EvaluationSlots < 0 || descriptor.ResumeStep is { } step && (step < 1 || step > descriptor.TotalSteps))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId} cannot run on shard {shard}: {descriptor.Shards} shards, {descriptor.Slots} slots, {descriptor.TotalSteps} steps, {descriptor.StepsPerEpoch} an epoch, {descriptor.Tensors.Count} tensors, resumed at {descriptor.ResumeStep}.");
        }
    }

    private static void Compare(JobDescriptor known, JobDescriptor other)
    {
        if (known.DeterminismClass != other.DeterminismClass)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} runs in the determinism class '{known.DeterminismClass}'; a worker of the class '{other.DeterminismClass}' would not compute the same bits. Use workers of one class for a job.");
        }

        if (known.JobHash != other.JobHash)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} was opened with other data or another job ({known.JobHash} instead of {other.JobHash}). Every worker must see the same files.");
        }

        if (known.Fingerprint() != other.Fingerprint())
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} was opened by a worker that describes it otherwise. All workers must run the same build.");
        }
    }

    private static string Mebibytes(long bytes) => $"{bytes / 1048576.0:F1} MiB";
}
