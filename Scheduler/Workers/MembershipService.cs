using Grpc.Core;
using Lockstep.Scheduler.Jobs;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Workers;

/// <summary>What workers say: see scheduler.proto.</summary>
internal sealed class MembershipService(Fleet fleet, JobManager jobs, IHostApplicationLifetime lifetime) : Transport.Protos.Scheduler.SchedulerBase
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
            await jobs.Loaded.WaitAsync(ends.Token);
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

        if (jobs.StandsBy)
        {
            // It works on with what it has, and asks again.
            throw new RpcException(new Status(StatusCode.Unavailable, "Another scheduler is in charge, and this one stands by until it is gone."));
        }

        if (request.JobId.Length > 0 && !jobs.MayGoOn(request.JobId))
        {
            request.JobId = "";
        }

        FleetMember member = fleet.Join(request);
        if (member.IsBack)
        {
            jobs.Returned(member);
        }

        try
        {
            // The first answer tells the worker that it belongs, with work or without.
            await jobs.StaffAsync();
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
            await jobs.FailAsync(request);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Stopping();
        }

        return new FailReply();
    }

    public override Task<WarnReply> Warn(WarnRequest request, ServerCallContext context)
    {
        jobs.Warn(request);
        return Task.FromResult(new WarnReply());
    }

    public override async Task<BeginReply> Begin(BeginRequest request, ServerCallContext context)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await jobs.BeginAsync(request.JobId, request.WorkerId, ends.Token);
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
            await jobs.LeftAsync(member);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The next scheduler sees for itself who is there.
        }
    }

    /// <summary>The worker asks again, and the next scheduler answers.</summary>
    private static RpcException Stopping() => new(new Status(StatusCode.Unavailable, "The scheduler is stopping."));
}
