using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Redis;
using Lockstep.Client;
using StackExchange.Redis;

namespace Lockstep.Engine.Runs;

/// <summary>What a run came to.</summary>
/// <param name="Summary">Null where it never began.</param>
public sealed record TrainingResult(JobState State, string? Error, FailureCause? Cause, RunFolder Folder, RunSummary? Summary);

/// <summary>Is told how a run goes.</summary>
public interface ITrainingObserver
{
    /// <summary>The processes are up.</summary>
    void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes);

    /// <summary>The job is looked through; how far that is.</summary>
    void Checking(string progress)
    {
    }

    /// <summary>Something about the run's folder that its owner wants to know.</summary>
    void Found(string note)
    {
    }

    void Happened(JobEvent item);

    /// <summary>A process was started, ended or was given up after all had been up. May be called by any thread.</summary>
    void Happened(FleetEvent item)
    {
    }
}

/// <summary>Trains one job: a fleet of processes for it, the job handed to their scheduler, and its events followed to the end.</summary>
public static class TrainingRun
{
    private static readonly TimeSpan CleanupPatience = TimeSpan.FromSeconds(3);

    /// <summary>Runs to the end of the job.</summary>
    /// <exception cref="InputException">The folder, the Redis or the job cannot be used.</exception>
    /// <exception cref="FleetException">A process did not start, or ended.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the processes were stopped.</exception>
    public static async Task<TrainingResult> RunAsync(TrainingOptions options, ITrainingObserver observer, TimeProvider time, CancellationToken cancellation)
    {
        if (options.Redis is { } connection)
        {
            await RedisAddress.CheckAsync(connection);
        }

        // The fleet that was asked for takes part as a whole.
        JobSpec job = options.Job with { Workers = new WorkersSpec { Min = Math.Min(options.Job.Workers.Min, options.Workers), Max = Math.Max(options.Job.Workers.Max, options.Workers) } };
        using RunPreparation run = RunPreparation.Prepare(job, options.Output, options.Resume);
        if (options.Resume)
        {
            observer.Found($"{job.Name} {run.From}");
        }

        IReadOnlyList<string> warnings = options.Check is { } check ? await check(run.Folder, observer.Checking, cancellation) : [];
        foreach (string warning in warnings)
        {
            observer.Found(warning);
        }

        string jobId = $"{job.Name}-{Guid.NewGuid().ToString("n")[..8]}";
        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = options.Services,
                LogDirectory = run.Folder.Logs,
                Shards = job.Shards,
                Workers = options.Workers,
                Redis = options.Redis,
                RedisServerAssembly = options.RedisServerAssembly,
                Queue = jobId,
                Environment = EnvironmentOf(options, job, run.Folder),
                Events = new FleetEvents(observer),
                StartLimit = options.StartLimit,
            },
            time,
            cancellation);
        observer.Started(run.Folder, fleet.Processes);
        if (options.Job.Workers.Min > options.Workers)
        {
            observer.Found($"The job's workers.min is {options.Job.Workers.Min}, and it begins with the {options.Workers} that there are.");
        }

        if ((options.Otlp ?? Reachability.Collector) is { } collector && await Reachability.NoteOfCollectorAsync(collector) is { } note)
        {
            observer.Found(note);
        }

        foreach (string damaged in run.From.Damaged)
        {
            observer.Found(damaged);
        }

        try
        {
            using var scheduler = new SchedulerClient(fleet.Scheduler, time);
            var request = new SubmitRequest(jobId, JobFile.ToCanonicalJson(job), run.Folder.Path, run.From.Version, options.AcceptClass, options.AcceptCode);
            await scheduler.SubmitAsync(request, cancellation);
            JobStatus last = await FollowAsync(scheduler, request, fleet, options.Beside, observer, warnings, cancellation);
            RunSummary? summary = File.Exists(run.Folder.Summary) ? RunSummary.FromJson(await File.ReadAllTextAsync(run.Folder.Summary, cancellation)) : null;
            return new TrainingResult(last.State, last.Error, last.Cause, run.Folder, summary);
        }
        finally
        {
            await fleet.StopAsync();
            await ForgetAsync(options.Redis, jobId, time);
        }
    }

    private static Dictionary<string, string> EnvironmentOf(TrainingOptions options, JobSpec job, RunFolder folder)
    {
        var environment = new Dictionary<string, string>(JobRoots.Of(job, folder.Path), StringComparer.Ordinal);
        if (options.Otlp is { } otlp)
        {
            environment[EnvironmentNames.OtlpEndpoint] = otlp.OriginalString;
        }

        foreach ((string name, string value) in options.Environment)
        {
            environment[name] = value;
        }

        return environment;
    }

    /// <param name="told">Notes that the observer has: workers find in the data what the check found.</param>
    private static async Task<JobStatus> FollowAsync(SchedulerClient scheduler, SubmitRequest request, LocalFleet fleet, Func<LocalFleet, CancellationToken, Task>? beside, ITrainingObserver observer, IReadOnlyList<string> told, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<JobStatus> follow = ReadAsync();
        Task disturbance = beside?.Invoke(fleet, stop.Token) ?? Task.CompletedTask;
        Task broken = await Task.WhenAny(follow, fleet.Broken, FailureOf(disturbance));
        await stop.CancelAsync();
        await Task.WhenAll(follow, disturbance).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (broken != follow)
        {
            cancellation.ThrowIfCancellationRequested();
            await broken;
        }

        if (disturbance.IsFaulted)
        {
            await disturbance;
        }

        return await follow;

        async Task<JobStatus> ReadAsync()
        {
            JobStatus? last = null;
            bool isKnown = false;
            while (true)
            {
                try
                {
                    await foreach (JobEvent item in scheduler.EventsAsync(request.JobId, 0, stop.Token))
                    {
                        isKnown = true;
                        last = item.Status;
                        observer.Happened(item.Note is { } note && told.Contains(note) ? item with { Note = null } : item);
                    }

                    return last ?? throw new InvalidOperationException($"The events of job {request.JobId} ended without one.");
                }
                catch (InputException) when (isKnown)
                {
                    // The scheduler and Redis went down together, and nobody knows of the job but its shards, or its folder.
                    isKnown = false;
                    await scheduler.SubmitAsync(request, stop.Token);
                }
            }
        }
    }

    /// <summary>Fails as a task does, and never completes otherwise.</summary>
    private static async Task FailureOf(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!task.IsFaulted)
        {
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
        }

        await task;
    }

    /// <summary>A Redis of the user's keeps nothing of the run.</summary>
    private static async Task ForgetAsync(string? connection, string jobId, TimeProvider time)
    {
        if (connection is null)
        {
            return;
        }

        using var patience = new CancellationTokenSource(CleanupPatience, time);
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(connection).WaitAsync(patience.Token);
            // The queue is the run's alone, and its scheduler has ended or been killed: nobody writes there any more.
            RedisKey[] keys = [.. new RedisKeys(jobId).All().Append(RedisKeys.Job(jobId)).Select(key => new RedisKey(key))];
            await redis.GetDatabase().KeyDeleteAsync(keys).WaitAsync(patience.Token);
        }
        catch (Exception exception) when (exception is RedisException or OperationCanceledException)
        {
            // A few keys stay; the run itself is over.
        }
    }

    private sealed class FleetEvents(ITrainingObserver observer) : IProgress<FleetEvent>
    {
        public void Report(FleetEvent value) => observer.Happened(value);
    }
}
