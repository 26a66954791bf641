using Grpc.Core;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Workers;

/// <summary>What workers say: see scheduler.proto.</summary>
internal sealed class MembershipService(Fleet fleet, JobList jobs, Term term, Staffing staffing, SchedulerTelemetry telemetry, IHostApplicationLifetime lifetime, ILogger<MembershipService> logger) : Transport.Protos.Scheduler.SchedulerBase
{
    public override async Task Join(JoinRequest request, IServerStreamWriter<Assignment> responseStream, ServerCallContext context)
    {
        if (request.WorkerId.Length == 0)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "A worker needs a name: set LOCKSTEP_WORKER_ID."));
        }

        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await term.Loaded.WaitAsync(ends.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Stopping();
        }

        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // It takes in nobody who would be out with the same breath, however often they ask.
            throw Stopping();
        }

        if (term.StandsBy)
        {
            // It works on with what it has, and asks again.
            throw new RpcException(new Status(StatusCode.Unavailable, "Another scheduler is in charge, and this one stands by until it is gone."));
        }

        if (jobs.Find(request.JobId) is not { WantsWorkers: true, IsRelaid: false })
        {
            // What it works on is not to be done any more.
            request.JobId = "";
        }

        FleetMember member = fleet.Join(request);
        if (member.IsBack && JobOf(member) is { } job)
        {
            string note = $"{member.WorkerId} is back";
            logger.Noted(job.Id, note);
            job.Append(note);
        }

        try
        {
            // The first answer tells the worker that it belongs, with work or without.
            await staffing.RunAsync();
            if (member.JobId is null)
            {
                await responseStream.WriteAsync(new Assignment(), ends.Token);
            }

            await foreach (Assignment assignment in member.Assignments.Reader.ReadAllAsync(ends.Token))
            {
                await responseStream.WriteAsync(assignment, ends.Token);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException || ends.IsCancellationRequested || context.CancellationToken.IsCancellationRequested)
        {
            // The stream is the membership; its end, however it comes, is dealt with below.
        }
        finally
        {
            // Where the scheduler itself goes, the worker works on: it joins the next one with what it has in hand.
            if (!lifetime.ApplicationStopping.IsCancellationRequested && fleet.Leave(member))
            {
                await LeftAsync(member);
            }
        }
    }

    public override async Task<FailReply> Fail(FailRequest request, ServerCallContext context)
    {
        try
        {
            if (jobs.Find(request.JobId) is { } job)
            {
                logger.WorkerFailed(request.WorkerId, request.JobId, request.Error);
                await job.TellAsync(new JobMessage.WorkerFailed(request));
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Stopping();
        }

        return new FailReply();
    }

    public override Task<WarnReply> Warn(WarnRequest request, ServerCallContext context)
    {
        _ = jobs.Find(request.JobId)?.TellAsync(new JobMessage.Warned([.. request.Warnings]));
        return Task.FromResult(new WarnReply());
    }

    public override async Task<BeginReply> Begin(BeginRequest request, ServerCallContext context)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            // What is not known here is not waited for.
            await (jobs.Find(request.JobId)?.Barrier.ArriveAsync(request.WorkerId) ?? Task.CompletedTask).WaitAsync(ends.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Stopping();
        }

        return new BeginReply();
    }

    private async Task LeftAsync(FleetMember member)
    {
        try
        {
            telemetry.Left(member.WorkerId);
            if (JobOf(member) is { } job)
            {
                await job.TellAsync(new JobMessage.WorkerLeft(member.WorkerId));
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The next scheduler sees for itself who is there.
        }
    }

    /// <returns>Null: it works on none that is not over.</returns>
    private ScheduledJob? JobOf(FleetMember member) => member.JobId is { } jobId && jobs.Find(jobId) is { IsOver: false } job ? job : null;

    /// <summary>The worker asks again, and the next scheduler answers.</summary>
    private static RpcException Stopping() => new(new Status(StatusCode.Unavailable, "The scheduler is stopping."));
}
