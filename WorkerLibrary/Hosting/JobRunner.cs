using Grpc.Core;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;
using Lockstep.Training;
using Lockstep.Transport;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;
using Lockstep.Worker.Faults;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Hosting;

/// <summary>Does one assigned job from its data to its end, and tells the scheduler where it cannot.</summary>
internal sealed class JobRunner(WorkerSettings settings, ComponentCatalog catalog, ComputeThread compute, IConfiguration configuration, WorkerMetrics metrics, StepTrace trace, TimeProvider time, ILoggerFactory loggers)
{
    private static readonly TimeSpan ReportTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Between attempts to reach a scheduler that is away.</summary>
    private static readonly TimeSpan BeginPause = TimeSpan.FromMilliseconds(500);

    private readonly ILogger _logger = loggers.CreateLogger<JobRunner>();

    /// <summary>Begins the job.</summary>
    /// <param name="stop">The process is asked to end: leave after the slot in hand.</param>
    public JobExecution Start(Assignment assignment, Scheduler.SchedulerClient scheduler, CancellationToken stop)
    {
        var abort = new CancellationTokenSource();
        var drain = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task ended = Task.Run(() => WorkAsync(assignment, scheduler, drain.Token, abort.Token), CancellationToken.None);
        return new JobExecution(assignment.JobId, ended, drain, abort, time);
    }

    private async Task WorkAsync(Assignment assignment, Scheduler.SchedulerClient scheduler, CancellationToken drain, CancellationToken abort)
    {
        try
        {
            await TrainAsync(assignment, scheduler, drain, abort);
        }
        catch (OperationCanceledException) when (abort.IsCancellationRequested || drain.IsCancellationRequested)
        {
            _logger.CalledOff(assignment.JobId);
        }
        catch (ProtocolException exception) when (exception.Error == ProtocolError.UnknownJob && abort.IsCancellationRequested)
        {
            // It was closed just as this worker was called off.
        }
        catch (Exception exception)
        {
            _logger.JobFailed(exception, assignment.JobId);
            await ReportAsync(assignment, scheduler, exception);
        }
    }

    private async Task TrainAsync(Assignment assignment, Scheduler.SchedulerClient scheduler, CancellationToken drain, CancellationToken abort)
    {
        JobSpec spec = JobFile.FromCanonicalJson(assignment.JobJson);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(drain, abort);
        PreparedJob job = await compute.RunAsync(() => PreparedJob.Prepare(spec, assignment.JobId, new RunFolder(assignment.RunDirectory), assignment.HasResumeStep ? assignment.ResumeStep : null, assignment.AcceptClass, assignment.AcceptCode, catalog, leave.Token), mayTakeLong: true);
        foreach (InputError warning in job.Warnings)
        {
            _logger.DataWarning(assignment.JobId, warning);
        }

        // Beside the work: a scheduler that is away holds nothing up.
        Task warned = WarnAsync(assignment, scheduler, job.Warnings, leave.Token);
        IReadOnlyList<IShardWork> shards = [];
        using WorkerFaults? faults = WorkerFaults.From(configuration, settings.WorkerId, time, loggers);
        try
        {
            if (spec.Workers.Min > 1)
            {
                await BeginAsync(assignment.JobId, scheduler, leave.Token);
            }

            shards = ShardClients.FromConfiguration(configuration, spec.Shards, time, _logger, drain);
            ITrainer trainer = job.Trainer;
            if (faults is not null)
            {
                shards = [.. shards.Select(shard => faults.Disturb(shard, spec.Shards))];
                trainer = faults.Disturb(trainer);
            }

            var loop = new TrainingLoop(job.Plan, settings.WorkerId, shards, trainer, compute, metrics, time, loggers.CreateLogger<TrainingLoop>(), trace, faults is null ? null : faults.Reach, StreamTransports.From(configuration) == StreamTransport.Grpc ? null : new SharedMemory(loggers.CreateLogger<SharedMemory>()).Sums);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(abort);
            Task probing = new RoundTripProbe(assignment.JobId, shards, metrics, time).RunAsync(over.Token);
            try
            {
                await loop.RunAsync(drain, abort);
            }
            finally
            {
                await over.CancelAsync();
                await probing;
            }
        }
        finally
        {
            foreach (IShardWork shard in shards)
            {
                await shard.DisposeAsync();
            }

            await compute.RunAsync(job.Dispose);
            await warned;
        }
    }

    /// <summary>Tells what was found in the data; a scheduler that is away does without.</summary>
    private async Task WarnAsync(Assignment assignment, Scheduler.SchedulerClient scheduler, IReadOnlyList<InputError> warnings, CancellationToken leave)
    {
        if (warnings.Count == 0)
        {
            return;
        }

        try
        {
            await scheduler.WarnAsync(new WarnRequest { WorkerId = settings.WorkerId, JobId = assignment.JobId, Warnings = { warnings.Select(warning => warning.ToString()) } }, deadline: time.GetUtcNow().UtcDateTime + ReportTimeout, cancellationToken: leave);
        }
        catch (RpcException) when (leave.IsCancellationRequested)
        {
        }
        catch (RpcException exception)
        {
            _logger.NotReported(exception, assignment.JobId);
        }
    }

    /// <summary>Waits for the other workers that the job begins with; whoever joins later does not wait.</summary>
    private async Task BeginAsync(string jobId, Scheduler.SchedulerClient scheduler, CancellationToken leave)
    {
        var request = new BeginRequest { WorkerId = settings.WorkerId, JobId = jobId };
        while (true)
        {
            try
            {
                await scheduler.BeginAsync(request, cancellationToken: leave);
                return;
            }
            catch (RpcException exception)
            {
                leave.ThrowIfCancellationRequested();
                _logger.NotBegun(exception, jobId);
            }

            await Task.Delay(BeginPause, time, leave);
        }
    }

    private async Task ReportAsync(Assignment assignment, Scheduler.SchedulerClient scheduler, Exception exception)
    {
        var request = new FailRequest
        {
            WorkerId = settings.WorkerId,
            JobId = assignment.JobId,
            Error = exception.Message,
            // What is wrong with this worker's own environment is no fault of the job's.
            BadInput = exception is InputException input && input.Errors.Any(error => error.File != InputException.ProcessEnvironment),
            NotFinite = exception is ProtocolException { Error: ProtocolError.NotFinite },
        };
        try
        {
            await scheduler.FailAsync(request, deadline: time.GetUtcNow().UtcDateTime + ReportTimeout);
        }
        catch (RpcException failure)
        {
            _logger.NotReported(failure, assignment.JobId);
        }
    }
}
