using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Grants;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;
using Lockstep.Training;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>One worker's part of a job: loads a version, computes the slots that it was granted, pushes their exact sum, and takes the next version.</summary>
/// <remarks>
/// All of it is one turn of the compute thread: between two slots it looks at what the streams brought, and nothing is awaited.
/// Nothing that happens here can change the result. A grant only says what is worth computing, a slot is the same whoever computes it, and the shards take each slot once.
/// </remarks>
internal sealed class TrainingLoop
{
    private readonly TrainingPlan _job;
    private readonly string _jobId;
    private readonly string _workerId;
    private readonly IReadOnlyList<IShardWork> _shards;
    private readonly ITrainer _trainer;
    private readonly ComputeThread _compute;
    private readonly WorkerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly StepTrace _trace;
    private readonly Action<FaultPhase, long> _reach;
    private readonly StepMailbox _mailbox = new();
    private readonly VersionStage _stage;
    private readonly ShardStreams _streams;
    private readonly WorkerState _state;
    private readonly PushDesk _pushes;
    private readonly IStepStream?[] _open;
    private readonly SlotClock _clock = new();
    private readonly float[] _gradient;
    private readonly List<long> _sampleIds = [];
    // Slots of the loaded version that were computed here and whose successors are not read ahead yet.
    private readonly List<int> _done = [];
    private WholeVersion? _version;
    private GroupBuilder? _group;
    private Activity? _step;
    private long _loadedAt;
    // When nothing was left to do for the loaded version; null: something is.
    private long? _doneAt;
    private bool _isOver;
    private bool _isLeaving;

    /// <param name="workerId">Unique among the workers.</param>
    /// <param name="shards">All shards of the job, by index.</param>
    /// <param name="trainer">Used on <paramref name="compute"/> only.</param>
    /// <param name="trace">Null: no step is traced.</param>
    /// <param name="sums">Makes memory for sums, such as shards can map; null: of the heap.</param>
    /// <param name="reach">Is told the phases of a step as they are reached, on the compute thread; null: nobody is.</param>
    public TrainingLoop(TrainingPlan job, string workerId, IReadOnlyList<IShardWork> shards, ITrainer trainer, ComputeThread compute, WorkerMetrics metrics, TimeProvider time, ILogger<TrainingLoop> logger, StepTrace? trace = null, Action<FaultPhase, long>? reach = null, Func<int, Memory<int>>? sums = null)
    {
        _job = job;
        _jobId = job.Descriptor.JobId;
        _workerId = workerId;
        _shards = shards;
        _trainer = trainer;
        _compute = compute;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _trace = trace ?? StepTrace.Off;
        _reach = reach ?? ((_, _) => { });
        _stage = new VersionStage(job, time);
        _streams = new ShardStreams(job, workerId, shards, _mailbox, _stage, time, logger);
        _state = new WorkerState(shards.Count);
        _pushes = new PushDesk(job, sums, metrics, time, logger);
        _open = new IStepStream?[shards.Count];
        _gradient = new float[trainer.ElementCount];
    }

    /// <summary>Works until the job is finished or <paramref name="drain"/> asks to leave.</summary>
    /// <param name="drain">Finish the slot in hand, push what was computed and return.</param>
    /// <param name="abort">Stop now.</param>
    /// <returns>Whether the job is finished.</returns>
    public async Task<bool> RunAsync(CancellationToken drain, CancellationToken abort)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(drain, abort);
        try
        {
            await _streams.OpenAsync(_shards, () => _compute.RunAsync(Initial), leave.Token);
        }
        catch (OperationCanceledException) when (drain.IsCancellationRequested && !abort.IsCancellationRequested)
        {
            return false;
        }

        _logger.Opened(_jobId, _job.Layout.Elements, _shards.Count, _job.Descriptor.TotalSteps, _job.Descriptor.Slots);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(abort);
        using CancellationTokenRegistration wake = leave.Token.Register(_mailbox.Wake);
        Task streams = _streams.RunAsync(stop.Token);
        try
        {
            bool isFinished = await _compute.RunAsync(() => Work(drain, abort), mayTakeLong: true);
            await _streams.CloseAsync(abort);
            return isFinished;
        }
        finally
        {
            await stop.CancelAsync();
            await streams;
        }
    }

    private bool Work(CancellationToken drain, CancellationToken abort)
    {
        try
        {
            while (true)
            {
                TakeNews();
                abort.ThrowIfCancellationRequested();
                if (_isOver)
                {
                    _logger.Finished(_jobId, _version?.Cursor.Step ?? _job.Descriptor.TotalSteps);
                    return true;
                }

                if (drain.IsCancellationRequested && !_isLeaving)
                    Leave();
                if (!_isLeaving && _state.TryLoad(out Cursor version))
                    Load(version);
                else if (_state.TryBegin(out SlotWork work))
                    Do(work);
                else if (_state.TryPush(out IReadOnlyList<int> slots))
                    PushGroup(slots);
                else if (!_isLeaving)
                    WaitForNews();
                else if (_state.AwaitsAnswers)
                    _mailbox.Wait();
                else
                {
                    _logger.Drained(_jobId, _version?.Cursor ?? default);
                    return false;
                }
            }
        }
        finally
        {
            _step?.Dispose();
        }
    }

    private void Leave()
    {
        _isLeaving = true;
        _state.Leave();
        _open[0]?.Send(new LeavingMessage());
        _reach(FaultPhase.Leave, _version?.Cursor.Step ?? 0);
    }

    private void WaitForNews()
    {
        if (_state.TryIdle(out Cursor at, out long newestGrant))
        {
            _open[0]?.Send(new IdleMessage(at, newestGrant));
            _doneAt ??= _time.GetTimestamp();
        }

        if (_version is not null)
            _reach(FaultPhase.Wait, _version.Cursor.Step);
        Prepare();
        using Activity? span = WorkerSpans.Part("wait");
        _mailbox.Wait();
    }

    /// <summary>Reads ahead what the next step most likely asks of this worker: the same slots again.</summary>
    private void Prepare()
    {
        if (_done.Count == 0 || _version is not { } version || version.Cursor.Step + 1 >= _job.Descriptor.TotalSteps)
            return;
        foreach (int slot in _done)
        {
            _sampleIds.Clear();
            _job.Sampler.SlotSamples(version.Cursor.Step + 1, slot, _sampleIds);
            if (_sampleIds.Count > 0 && !_trainer.Prepare(version.Cursor.Step + 1, slot, CollectionsMarshal.AsSpan(_sampleIds)))
                break;
        }

        _done.Clear();
    }

    private void TakeNews()
    {
        while (_mailbox.TryTake(out StepEvent? happened))
        {
            switch (happened)
            {
                case StepEvent.Opened opened:
                    _open[opened.Shard] = opened.Stream;
                    _state.Connect(opened.Shard);
                    if (_isLeaving && opened.Shard == 0)
                        opened.Stream.Send(new LeavingMessage());
                    break;
                case StepEvent.Ended ended:
                    _open[ended.Shard] = null;
                    foreach (PushEnd end in _state.Disconnect(ended.Shard))
                        _pushes.Settle(end);
                    break;
                case StepEvent.Offered offered:
                    _metrics.Pulled(offered.Shard, _shards[offered.Shard].Path, offered.Version.Bytes, TimeSpan.FromMilliseconds(offered.Version.ReceiveMs));
                    WorkerSpans.Pulled(offered.Version, offered.Shard, _time);
                    _state.Offer(offered.Shard, offered.Version.Cursor);
                    _reach(FaultPhase.Pull, offered.Version.Cursor.Step);
                    break;
                case StepEvent.Received received:
                    Take(received.Shard, received.Message);
                    break;
                case StepEvent.InitialWanted wanted:
                    wanted.Values.SetResult(Initial());
                    break;
                case StepEvent.Failed failed:
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed.Exception);
                    break;
            }
        }
    }

    private void Take(int shard, ShardMessage message)
    {
        switch (message)
        {
            case GrantMessage grant:
                _state.Grant(grant.Cursor, grant.Slots, grant.Number);
                _reach(FaultPhase.Grant, grant.Cursor.Step);
                break;
            case RevokeMessage revoke:
                _state.Revoke(revoke.Cursor, revoke.Slots);
                _reach(FaultPhase.Revoke, revoke.Cursor.Step);
                break;
            case AnswerMessage answer:
                _pushes.Answered(answer.Push, shard, answer.Result);
                PushEnd? end = _state.Answer(shard, answer.Push, answer.Result);
                if (end is not null)
                    _pushes.Settle(end);
                if (shard == 0)
                    _reach(FaultPhase.PushAfterOneShard, answer.Result.ShardCursor.Step);
                if (end is not null)
                    _reach(FaultPhase.Answer, end.Version.Step);
                break;
            case OverMessage:
                _isOver = true;
                break;
        }
    }

    private float[] Initial()
    {
        var initial = new float[_job.Layout.Elements];
        _trainer.CopyInitial(initial);
        return initial;
    }

    private void Load(Cursor version)
    {
        long now = _time.GetTimestamp();
        if (_version is not null)
            _metrics.Step(_time.GetElapsedTime(_loadedAt, now));
        else
            _logger.Started(_jobId, version);
        _step?.Dispose();
        _step = WorkerSpans.Step(_trace, _jobId, version, _workerId);
        _pushes.Drop(_group);
        _group = null;
        _done.Clear();
        _version = _stage.Take(version);
        _metrics.Agreement(TimeSpan.FromMilliseconds(_version.AgreementMs));
        if (_doneAt is { } done)
            _metrics.VersionWait(_time.GetElapsedTime(done, now), TimeSpan.FromMilliseconds(_version.SyncMs));
        _doneAt = null;
        using (WorkerSpans.Part("load"))
        {
            _compute.Enter();
            _trainer.Load(_version.Values);
            _compute.Exit();
        }

        if (!_version.IsWhole)
        {
            // This worker came late: the shards are two versions further, and the next turns are here or on their way.
            _state.Skip();
        }

        _stage.GiveBack(_version);
        _loadedAt = _time.GetTimestamp();
        _metrics.Load(_time.GetElapsedTime(now, _loadedAt));
    }

    private void Do(SlotWork work)
    {
        if (_clock.TellsProgress)
            _open[0]?.Send(new ProgressMessage(work.Cursor, work.Slot));
        _doneAt = null;
        if (work.IsEvaluation)
            Evaluate(work);
        else
            Compute(work);
    }

    private void Evaluate(SlotWork work)
    {
        long started = _time.GetTimestamp();
        long[] samples = EvaluationSlots.Of(work.Slot, _job.Descriptor.EvaluationSlots, _trainer.ValidationSamples);
        _compute.Enter();
        EvaluationPart part = _trainer.Evaluate(samples);
        _compute.Exit();
        TimeSpan elapsed = _time.GetElapsedTime(started);
        _metrics.Evaluate(elapsed);
        _reach(FaultPhase.Evaluate, work.Cursor.Step);
        TakeNews();
        if (_state.Finish() == SlotUse.Evaluation)
            _open[0]?.Send(new EvaluationMessage(work.Cursor, work.Slot, part, elapsed.TotalMilliseconds));
    }

    private void Compute(SlotWork work)
    {
        SlotResult result;
        using (WorkerSpans.Part("compute slot", work.Slot))
        {
            result = Run(work);
        }

        _reach(FaultPhase.Complete, work.Cursor.Step);
        TakeNews();
        SlotUse use = _state.Finish();
        if (use == SlotUse.None)
        {
            // Nobody wants it any more; a worker that is no good shall show all the same.
            if (!double.IsFinite(result.LossSum) || !TensorPrimitives.IsFiniteAll<float>(_gradient))
                throw PushDesk.NotFinite(_jobId, work.Cursor.Step, [work.Slot]);
            return;
        }

        GroupBuilder builder = use == SlotUse.Group ? _group ??= _pushes.Begin(_version!) : _pushes.Begin(_version!);
        _reach(FaultPhase.Encode, work.Cursor.Step);
        long started = _time.GetTimestamp();
        bool isFinite;
        using (WorkerSpans.Part("encode", work.Slot))
        {
            isFinite = builder.Add(work.Slot, result.Samples, result.LossSum, _gradient);
        }

        _metrics.Encode(_time.GetElapsedTime(started));
        if (!isFinite)
        {
            _state.Spoil(work.Slot);
            Push(null, [work.Slot], builder.NotFinite(_workerId, work.Slot, result.Samples, result.LossSum));
            if (use == SlotUse.Alone)
                _pushes.Drop(builder);
        }
        else if (use == SlotUse.Alone)
        {
            Push(builder, [work.Slot]);
        }
        else if (builder.IsFull)
        {
            PushGroup(_state.TakeGroup());
        }
    }

    private SlotResult Run(SlotWork work)
    {
        long started = _time.GetTimestamp();
        long step = work.Cursor.Step;
        _sampleIds.Clear();
        _job.Sampler.SlotSamples(step, work.Slot, _sampleIds);
        int stepSamples = _job.Sampler.SamplesInStep(step);
        long drawn = _time.GetTimestamp();
        _metrics.Data(_time.GetElapsedTime(started, drawn));
        _compute.Enter();
        SlotResult result = new(0, 0);
        if (_sampleIds.Count == 0)
            Array.Clear(_gradient);
        else
            result = _trainer.Run(step, work.Slot, CollectionsMarshal.AsSpan(_sampleIds), stepSamples, _gradient);
        _compute.Exit();
        TimeSpan elapsed = _time.GetElapsedTime(drawn);
        _metrics.Compute(elapsed, result.Samples);
        _clock.Observe(elapsed);
        _done.Add(work.Slot);
        return result;
    }

    private void PushGroup(IReadOnlyList<int> slots)
    {
        GroupBuilder group = _group!;
        _group = null;
        Push(group, slots);
    }

    private void Push(GroupBuilder builder, IReadOnlyList<int> slots) => Push(builder, slots, builder.Build(_workerId, _version!.SyncMs));

    /// <param name="builder">Whose memory the parts are; null: nobody's.</param>
    private void Push(GroupBuilder? builder, IReadOnlyList<int> slots, IReadOnlyList<Contribution> parts)
    {
        _reach(FaultPhase.PushBefore, _version!.Cursor.Step);
        using Activity? span = WorkerSpans.Part("push");
        double slotMs = _clock.TakeRecentMs();
        long push = _state.Push(slots, out PushEnd? ended);
        _pushes.Send(push, builder, parts.Sum(p => p.Bytes), _shards[0].Path);
        for (int shard = 0; shard < _open.Length; shard++)
            _open[shard]?.Send(push, parts[shard] with { SlotMs = slotMs, Trace = span?.Context ?? default });
        if (ended is not null)
            _pushes.Settle(ended);
    }
}
