using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Which workers do which job, as they come, fail and leave.</summary>
internal sealed partial class JobManager
{
    /// <summary>So often a worker may fail at one step, where none of the others gets on either, before it is the job's fault.</summary>
    private const int FailuresOfOne = 3;

    /// <summary>So many workers may die with one slot in hand before the slot is held to kill them.</summary>
    private const int DeathsOnOne = 3;

    /// <summary>A worker says that it cannot do a job. Bad input ends one that nobody could open yet; what may be the worker's own trouble, as data are that others could read, does so only when it happens again and again, and to everybody.</summary>
    public async Task FailAsync(FailRequest request)
    {
        if (Find(request.JobId) is not { } job)
        {
            return;
        }

        LogWorkerFailed(request.WorkerId, request.JobId, request.Error);
        // The same value from two workers fails the job on its shards. Whatever else there is, is the worker's own trouble as long as another has none.
        bool again = job.AddFailure(request.WorkerId) >= FailuresOfOne && fleet.WorkersOf(job.Id).All(worker => worker == request.WorkerId || job.HasFailed(worker));
        bool isBad = request.BadInput && !job.IsOpened;
        if (isBad || again)
        {
            await EndAsync(job, JobState.Failed, isBad ? JobStatus.BadInput + request.Error : Hopeless(job, request));
            return;
        }

        job.Barrier.Leave(request.WorkerId);
        job.Time.WorkerLost();
        fleet.Idle(request.WorkerId, request.JobId);
        TimeSpan length = fleet.Quarantine(request.WorkerId);
        LogQuarantined(request.WorkerId, length.TotalSeconds);
        job.Append(fleet.CountOf(job.Id), null, FormattableString.Invariant($"{request.WorkerId} {(request.NotFinite ? "computed a value that is not finite" : $"could not go on ({request.Error.Split('\n', 2)[0].TrimEnd()})")}; it gets no work for {length.TotalSeconds:0} s"));
        await StaffAsync();
    }

    /// <summary>A worker tells what it found in a job's data: readers are told once, however many workers say so.</summary>
    public void Warn(WarnRequest request)
    {
        if (Find(request.JobId) is not { IsOver: false } job)
        {
            return;
        }

        foreach (string warning in request.Warnings.Where(job.TryWarn))
        {
            job.Append(fleet.CountOf(job.Id), null, $"{JobRun.Warning}{Printable.Of(warning)}");
        }
    }

    private static string Hopeless(JobRun job, FailRequest request)
    {
        string prefix = $"Job {job.Id}: ";
        string error = request.Error.StartsWith(prefix, StringComparison.Ordinal) ? request.Error[prefix.Length..] : request.Error;
        return FormattableString.Invariant($"{prefix}{request.WorkerId} failed {FailuresOfOne} times at step {job.Step}, and no other worker gets on there. The last time: {error}{(request.NotFinite ? $" {ProtocolException.NotFiniteRemedy}" : "")}");
    }

    /// <summary>A worker has opened a job: waits until as many have as it begins with. What is not known here is not waited for.</summary>
    public Task BeginAsync(string jobId, string workerId, CancellationToken cancellation) =>
        Find(jobId) is { } job ? job.Barrier.ArriveAsync(workerId).WaitAsync(cancellation) : Task.CompletedTask;

    /// <summary>Decides how many workers there shall be, and brings every job's staff to what it shall have. Called when a worker or a job came or went, and now and then.</summary>
    public async Task StaffAsync()
    {
        await _staffing.WaitAsync(_stopping);
        try
        {
            IReadOnlyList<JobRun> open = Open;
            await ScaleAsync([.. open.Where(j => j.WantsWorkers)]);
            // Workers that one job gives up are there for the next.
            foreach (JobRun job in open.OrderBy(j => fleet.CountOf(j.Id) <= j.TargetWorkers))
            {
                await StaffAsync(job);
            }

            telemetry.Staffed(open);
        }
        finally
        {
            _staffing.Release();
        }
    }

    /// <summary>A worker finishes what it has in hand and ends. Others take its place once its stream ends.</summary>
    /// <returns>False: there is no such worker.</returns>
    public bool Drain(string workerId)
    {
        if (!fleet.Drain(workerId))
        {
            return false;
        }

        LogDraining(workerId);
        if (Open.FirstOrDefault(job => fleet.WorkersOf(job.Id).Contains(workerId)) is { } job)
        {
            job.Append(fleet.CountOf(job.Id), null, $"{workerId} was asked to leave: it hands in what it has in hand");
        }

        return true;
    }

    /// <summary>A worker that joined says what it is working on; it goes on with a job that is still to be done.</summary>
    public bool MayGoOn(string jobId) => Find(jobId) is { WantsWorkers: true, IsRelaid: false };

    /// <summary>A worker that was out is there again, with what it works on.</summary>
    public void Returned(FleetMember member)
    {
        if (member.JobId is { } jobId && Find(jobId) is { IsOver: false } job)
        {
            string note = $"{member.WorkerId} is back";
            LogNote(jobId, note);
            job.Append(fleet.CountOf(jobId), null, note);
        }
    }

    /// <summary>A worker is gone. ps-0 has freed what it had in hand, as its stream there ended.</summary>
    public async Task LeftAsync(FleetMember member)
    {
        telemetry.Left(member.WorkerId);
        if (member.JobId is { } jobId && Find(jobId) is { IsOver: false } job)
        {
            job.Barrier.Leave(member.WorkerId);
            AbandonedSlots? left = _followers.TryGetValue(jobId, out JobFollower? follower) ? await follower.InHandAsync(member.WorkerId, _stopping) : null;
            if (left is { } slot && job.AddDeath(slot.Cursor.Step, slot.Slot) >= DeathsOnOne)
            {
                await EndAsync(job, JobState.Failed, FormattableString.Invariant($"{DeathsOnOne} workers died while they computed slot {slot.Slot} of step {slot.Cursor.Step}: out of memory, or a crash in native code. See the workers' logs; smaller micro-batches (more slots) take less memory."));
                return;
            }

            int freed = left?.Freed ?? 0;
            if (freed > 0)
            {
                job.Time.WorkerLost();
                LogLost(member.WorkerId, jobId, freed);
            }
            else
            {
                LogLeft(member.WorkerId, jobId);
            }

            job.Append(fleet.CountOf(jobId), null, $"{member.WorkerId} left; {freed} of its slots are free again");
            await StaffAsync();
        }
    }

    private async Task ScaleAsync(JobRun[] jobs)
    {
        int before = scaler.Last.Desired;
        bool isRetargeted = false;
        (ScalingDecision decision, bool changed) = scaler.Decide([.. jobs.Select(j => (j.Id, j.Spec.Workers.Min, j.Spec.Workers.Max, j.Spec.Slots, fleet.CountOf(j.Id)))]);
        foreach ((JobRun job, JobScalingDecision target) in jobs.Zip(decision.Jobs))
        {
            job.WantedWorkers = target.IsLimit ? null : target.Target;
            if (job.TargetWorkers != target.Target)
            {
                job.TargetWorkers = target.Target;
                isRetargeted = true;
                job.Append(fleet.CountOf(job.Id), null, target.IsLimit ? $"takes all workers there are, up to {target.Target}: {target.Reason}" : $"{Amount.Of(target.Target, "worker")} wanted: {target.Reason}");
            }
            else if (changed)
            {
                // Who watches this job sees workers come and go all the same.
                job.Append(fleet.CountOf(job.Id), null, $"{Amount.Of(decision.Desired, "worker")} desired in all: {decision.Reason}");
            }
        }

        if (changed)
        {
            LogDesired(decision.Desired, decision.Reason);
            telemetry.Scaled(before, decision.Desired, scaler.Asked is not null ? ScalingReason.Person : jobs.Length == 0 ? ScalingReason.Idle : ScalingReason.Policy, decision.Reason);
        }

        // In a new term once in any case: the scheduler before may have wanted more.
        if (changed || !_isPublished)
        {
            await wanted.PublishAsync(decision.Desired, _stopping);
            _isPublished = true;
        }

        if (changed || isRetargeted)
        {
            await wanted.RememberAsync(scaler.Memory.ToJson(), _stopping);
        }
    }

    private async Task StaffAsync(JobRun job)
    {
        StaffingChange change = fleet.Staff(job);
        bool begins = job.State == JobState.Queued && change.Workers > 0;
        if (job.LacksWorkers(change.Workers) && job.State is JobState.Checking or JobState.Running && job.TrySetState(JobState.Waiting, null))
        {
            LogWaiting(job.Id, job.Spec.Workers.Min);
            await store.SetStateAsync(job.Id, JobState.Waiting, null, job.Progress, _stopping);
            job.Append(0, null, $"waiting for workers: it needs at least {job.Spec.Workers.Min}");
        }
        else if (((job.State == JobState.Queued && change.Workers > 0) || (job.State == JobState.Waiting && !job.LacksWorkers(change.Workers))) && job.TrySetBusy())
        {
            await store.SetStateAsync(job.Id, job.State, null, job.Progress, _stopping);
        }

        if (begins)
        {
            Follow(job, resumed: !job.IsRelaid && JobFollower.WasBegun(job));
        }

        if (!change.IsNothing)
        {
            LogStaffed(job.Id, change.ToString());
            job.Append(change.Workers, null, change.ToString());
        }

        foreach (string refusal in change.Unfit)
        {
            LogNote(job.Id, refusal);
            job.Append(change.Workers, null, refusal);
        }
    }
}
