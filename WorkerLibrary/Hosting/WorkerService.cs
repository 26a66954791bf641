using Grpc.Core;
using Lockstep.Contracts;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Hosting;

/// <summary>Belongs to the scheduler's fleet and does the jobs that it is assigned, one at a time. When the process is asked to stop, the job that it executes is drained.</summary>
internal sealed class WorkerService(WorkerSettings settings, ComponentCatalog catalog, JobRunner runner, ComputeThread compute, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<WorkerService> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private JobExecution? _execution;

    /// <value>Whether the scheduler has taken this worker in.</value>
    public bool IsMember { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The stream is the membership: it stays open until what is in hand is pushed.
        using var leave = new CancellationTokenSource();
        try
        {
            Task member = StayAsync(stoppingToken, leave.Token);
            await Task.WhenAny(member, Task.Delay(Timeout.InfiniteTimeSpan, time, stoppingToken));
            if (member.IsCompleted)
            {
                await member;
            }

            await (_execution?.Ended ?? Task.CompletedTask);
            await leave.CancelAsync();
            await member;
        }
        catch (Exception exception) when (leave.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            logger.Left(settings.WorkerId);
        }
        catch (Exception exception)
        {
            logger.CannotWork(exception);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    /// <param name="drain">No new job is begun.</param>
    private async Task StayAsync(CancellationToken drain, CancellationToken leave)
    {
        JoinRequest request = await DescribeAsync();
        using var channel = GrpcChannels.Create(settings.Scheduler, settings.Secret);
        var scheduler = new Scheduler.SchedulerClient(channel);
        TimeSpan pause = FirstPause;
        while (true)
        {
            try
            {
                request.JobId = _execution is { Ended.IsCompleted: false } job ? job.JobId : "";
                using AsyncServerStreamingCall<Assignment> call = scheduler.Join(request, cancellationToken: leave);
                await foreach (Assignment assignment in call.ResponseStream.ReadAllAsync(leave))
                {
                    if (!IsMember)
                    {
                        logger.Joined(settings.Scheduler, settings.WorkerId);
                    }

                    IsMember = true;
                    pause = FirstPause;
                    if (assignment.Leave)
                    {
                        logger.AskedToLeave();
                        lifetime.StopApplication();
                        continue;
                    }

                    await TakeAsync(assignment, scheduler, drain);
                }
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Unauthenticated)
            {
                throw new InputException(InputException.ProcessEnvironment, 0, $"The scheduler at {settings.Scheduler} does not let this worker in.", exception.Status.Detail);
            }
            catch (RpcException exception) when (!leave.IsCancellationRequested)
            {
                if (IsMember || pause == FirstPause)
                {
                    logger.SchedulerAway(settings.Scheduler, exception.Status.Detail);
                }
            }

            leave.ThrowIfCancellationRequested();
            IsMember = false;
            await Task.Delay(pause, time, leave);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<JoinRequest> DescribeAsync() => await compute.RunAsync(() => new JoinRequest
    {
        WorkerId = settings.WorkerId,
        Device = TorchRuntime.Device.type.ToString().ToLowerInvariant(),
        Threads = Environment.ProcessorCount,
        DeterminismClass = OtherClass.With(TorchRuntime.DeterminismClass(1), CodeIdentity.Of(catalog)),
        Incarnation = Guid.NewGuid().ToString("N"),
    });

    private async Task TakeAsync(Assignment assignment, Scheduler.SchedulerClient scheduler, CancellationToken drain)
    {
        if (_execution is { Ended.IsCompleted: false } current)
        {
            if (current.JobId == assignment.JobId)
            {
                return;
            }

            await current.LeaveAsync();
        }

        _execution = assignment.JobId.Length == 0 || drain.IsCancellationRequested ? null : runner.Start(assignment, scheduler, drain);
    }
}
