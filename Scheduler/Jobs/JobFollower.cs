using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Follows what the first shard reports of one job, and records it.</summary>
internal sealed partial class JobFollower(JobRun job, Fleet fleet, Scaler scaler, IConfiguration configuration, TimeProvider time, ILogger<JobFollower> logger)
{
    private JobDescriptor? _descriptor;
    private RunRecorder? _recorder;

    /// <summary>Follows the job to its end.</summary>
    /// <param name="resumed">A scheduler before has recorded part of it.</param>
    public async Task RunAsync(bool resumed, CancellationToken cancellation)
    {
        IReadOnlyList<IShardClient> shards = ShardClients.FromConfiguration(configuration, job.Spec.Shards, time, logger);
        try
        {
            _descriptor = await WaitOpenedAsync(shards[0], cancellation);
            job.TotalSteps = _descriptor.TotalSteps;
            job.StepsPerEpoch = _descriptor.StepsPerEpoch;
            job.DeterminismClass = _descriptor.DeterminismClass;
            _recorder = new RunRecorder(job.Folder, job.Spec, _descriptor.StepsPerEpoch, resumed ? null : _descriptor.ResumeStep ?? 0, time);
            job.Step = _recorder.Steps;
            job.Append(fleet.CountOf(job.Id), null);
            await foreach (StepReport report in shards[0].WatchAsync(job.Id, 0, cancellation))
            {
                Take(report);
            }
        }
        finally
        {
            foreach (IShardClient shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    /// <summary>Writes what the run came to; nothing where it never began.</summary>
    public void Finish(Contracts.Services.JobState state, string? error, LeaseCounts leases)
    {
        if (_recorder is not null)
        {
            using (_recorder)
            {
                _recorder.Finish(state, error, _descriptor, leases);
            }
        }
    }

    private void Take(StepReport report)
    {
        long contradicted = _recorder!.Contradicted;
        RunRecord? record = _recorder.Add(report);
        if (_recorder.Contradicted > contradicted)
        {
            LogContradicted(job.Id, report.Cursor);
        }

        if (record is not null)
        {
            job.Step = record.Step;
            if (record is StepRecord step)
            {
                scaler.Observe(job.Id, step);
            }

            job.Append(fleet.CountOf(job.Id), record);
        }
    }

    private async Task<JobDescriptor> WaitOpenedAsync(IShardClient first, CancellationToken cancellation)
    {
        for (TimeSpan pause = TimeSpan.FromMilliseconds(20); ; pause = pause < TimeSpan.FromMilliseconds(500) ? pause * 1.5 : pause)
        {
            if (await first.DescribeAsync(job.Id, cancellation) is { } descriptor)
            {
                return descriptor;
            }

            await Task.Delay(pause, time, cancellation);
        }
    }

    [LoggerMessage(1, LogLevel.Critical, "Job {JobId}, {Cursor}: the step was done again and gave another line of the ledger. Broken hardware, or a model that is not deterministic")]
    private partial void LogContradicted(string jobId, Cursor cursor);
}
