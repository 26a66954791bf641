using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>One shard's part of a job for as long as one generation lives; the next one has another. Takes workers' streams in, says how the shard stands, and ends.</summary>
internal sealed class JobGeneration
{
    private readonly ShardContext _context;
    private readonly GuardedState _guarded;
    private readonly JobMemory _memory;
    private readonly StepSessions _sessions = new();
    private readonly FirstShard _first;
    private readonly CheckpointWriter _writer;
    private readonly ContributionDesk _desk;
    private readonly StepDriver _driver;
    // Of ps-0.
    private readonly GrantCoordinator? _grants;
    // Of the other shards.
    private readonly ProgressTeller? _teller;

    /// <param name="restoration">Null: the job is opened.</param>
    /// <param name="coordinator">Of ps-0, of the generation before; null: there is none.</param>
    /// <exception cref="ProtocolException">The checkpoint cannot be read, or is not of this job.</exception>
    public JobGeneration(JobDescriptor descriptor, ShardContext context, JobMemory memory, Restoration? restoration, StepCoordinator? coordinator)
    {
        _context = context;
        Descriptor = descriptor;
        Restoration = restoration;
        _memory = memory;
        var state = new ShardState(descriptor, context.Shard, restoration?.Generation ?? 0, new EscapePool(memory), context.Room);
        if ((restoration?.Version ?? descriptor.ResumeStep) is { } version)
        {
            state.Load(CheckpointSet.Read(descriptor.CheckpointDirectory, version, context.Shard, descriptor.Shards), restoration?.Generation);
        }

        _guarded = new GuardedState(state);
        if (context.First is null)
        {
            Coordinator = coordinator ?? new StepCoordinator(descriptor, context.Time, context.Observer, context.Files);
            Coordinator.Begin(state.Cursor.Generation, state.Cursor.Step, restoration is not null);
            Coordinator.Failed = failure => Fail(failure);
            Coordinator.Over = () => _sessions.Send(_ => new OverMessage());
            _grants = new GrantCoordinator(descriptor, Coordinator, state.Cursor, context.Time);
        }
        else
        {
            // ps-0 begins with what this shard is at.
            _teller = new ProgressTeller(TellAsync);
        }

        _first = new FirstShard(context.First ?? Coordinator!, descriptor.JobId, context.Time, _guarded.Closed);
        _writer = new CheckpointWriter(descriptor, context, _first.CheckpointPartAsync, failure => Fail(failure), _guarded.Closed);
        _desk = new ContributionDesk(_guarded, context.Time, failure => Fail(failure));
        _driver = new StepDriver(descriptor, context, _guarded, _desk, _first, _writer, _sessions, Coordinator, _grants, TellProgress, failure => Fail(failure));
    }

    public JobDescriptor Descriptor { get; }
    public int Elements => State.Elements;
    public long Bytes => _memory.Bytes;

    /// <value>How this generation began; null: the job was opened.</value>
    public Restoration? Restoration { get; private set; }

    /// <value>Of ps-0 only.</value>
    public StepCoordinator? Coordinator { get; }

    public bool NeedsValues
    {
        get
        {
            lock (_guarded.Gate)
            {
                return _guarded.Next is null && !State.HasValues;
            }
        }
    }

    public Cursor Cursor
    {
        get
        {
            lock (_guarded.Gate)
            {
                return _guarded.Next ?? State.Cursor;
            }
        }
    }

    /// <value>Whether it stays where it is, at a checkpoint.</value>
    public bool IsParked => _driver.IsParked;

    private ShardState State => _guarded.State;

    public ShardStatus Status(string incarnation)
    {
        lock (_guarded.Gate)
        {
            return _guarded.Next is not null ? new ShardStatus { Incarnation = incarnation } : new ShardStatus
            {
                Incarnation = incarnation,
                Hosted = true,
                Cursor = State.Cursor,
                NeedsValues = !State.HasValues,
                Term = Restoration?.Term ?? 0,
                DurableVersion = Coordinator?.DurableVersion,
                FinalCheckpointFailure = _writer.FinalFailure ?? Coordinator?.FinalFailure,
                Failure = _guarded.Failure?.Message,
                Error = (_guarded.Failure as ProtocolException)?.Error,
            };
        }
    }

    /// <summary>Gives version 0.</summary>
    public void Initialize(ReadOnlySpan<float> values)
    {
        lock (_guarded.Gate)
        {
            _guarded.ThrowIfOver();
            bool isNew = !State.HasValues;
            State.Initialize(values);
            if (isNew)
            {
                // From here on there is always a checkpoint to go back to. Nothing is being written yet, so this only begins it.
                _ = _writer.BeginAsync(State.Snapshot());
            }
        }
    }

    /// <summary>Takes a worker's stream in. It begins with the turns of the version before, where that is kept, and of the newest.</summary>
    /// <exception cref="ProtocolException">The shard waits for initial values, or the job is over.</exception>
    public IStepSession Attach(StepHello hello, IStepSink sink)
    {
        var session = new StepSession(this, _context.NextSession(), hello.WorkerId, sink);
        StepSession? older;
        lock (_guarded.Gate)
        {
            _guarded.ThrowIfOver();
            if (!State.HasValues)
            {
                throw new ProtocolException(ProtocolError.NeedsValues, $"Job {Descriptor.JobId} waits for initial values on shard {_context.Shard}. Open it and give them.");
            }

            TurnMessage newest = _driver.Turn(State.View(HeldOf(State.Cursor, hello)));
            older = State.ViewEarlier(hello.Held) is { } kept ? _sessions.Add(session, _driver.Turn(kept), newest) : _sessions.Add(session, newest);
        }

        if (older is not null)
        {
            older.Sink.End(new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId}: worker {hello.WorkerId} opened another stream to shard {_context.Shard}."));
            _grants?.Lose(older.Id);
        }

        _grants?.Join(session.Id, hello.WorkerId, sink);
        if (Coordinator is { IsOver: true })
        {
            sink.Send(new OverMessage());
        }

        return session;
    }

    /// <summary>A stream ended: what its worker had in hand is free.</summary>
    public void Detach(StepSession session)
    {
        _sessions.Remove(session);
        _grants?.Lose(session.Id);
    }

    /// <exception cref="ProtocolException">It is for ps-0, and this is another shard; or it does not fit the job.</exception>
    public void Receive(StepSession session, WorkerMessage message)
    {
        if (_grants is null)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: only shard 0 takes what is not a contribution, not shard {_context.Shard}.");
        }

        try
        {
            if (message is EvaluationMessage evaluation)
            {
                _grants.Evaluated(session.Id, session.WorkerId, evaluation);
            }
            else
            {
                _grants.Receive(session.Id, message);
            }
        }
        catch (ProtocolException exception) when (exception.Error == ProtocolError.Superseded)
        {
            // Of a generation that is over: this stream is about to end.
        }
    }

    /// <summary>What a worker has in hand, or left behind when its stream ended, in a step that is not over; null: nothing.</summary>
    public AbandonedSlots? InHand(string workerId) => _grants?.InHand(workerId);

    /// <summary>ps-0: who has what in hand, for people.</summary>
    public string DescribeGrants() => _grants?.ToString() ?? "";

    /// <summary>Begins to take a contribution.</summary>
    public PushTicket BeginPush(StepSession session, Contribution header)
    {
        PushTicket ticket = _desk.Begin(header, Coordinator is null ? null : session.WorkerId);
        _grants?.Contributed(session.Id, header);
        return ticket;
    }

    /// <inheritdoc cref="ContributionDesk.Add"/>
    public void AddChunk(PushTicket ticket, in ChunkSum chunk) => _desk.Add(ticket, chunk);

    /// <inheritdoc cref="ContributionDesk.End"/>
    public PushResult EndPush(PushTicket ticket) => _desk.End(ticket);

    /// <summary>Slots came in: moves on where they are all there, and tells ps-0 what is missing where not.</summary>
    public void Changed()
    {
        if (!_driver.TryAdvance())
        {
            TellProgress();
        }
    }

    /// <summary>Where this shard is and what some chunk of it lacks; null: it is over here.</summary>
    public ShardProgress? Progress()
    {
        lock (_guarded.Gate)
        {
            return _guarded.IsOver ? null : new ShardProgress(_context.Shard, State.Cursor, State.Missing(State.Cursor));
        }
    }

    /// <summary>ps-0: another shard says how far it is.</summary>
    /// <exception cref="ProtocolException">It is of another generation, or this is not ps-0.</exception>
    public void Hear(ShardProgress progress)
    {
        if (_grants is null || progress.Shard < 1 || progress.Shard >= Descriptor.Shards)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: shard {_context.Shard} was told of shard {progress.Shard}; only shard 0 takes that, of the job's {Descriptor.Shards} shards.");
        }

        Cursor cursor = Cursor;
        if (progress.Cursor.Generation != cursor.Generation)
        {
            throw new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId} is in generation {cursor.Generation} on shard 0; what comes of generation {progress.Cursor.Generation} does not count there.");
        }

        _grants.Progress(progress);
    }

    /// <summary>Begins to write the version that this shard is at as a checkpoint, where it is that one.</summary>
    public async Task<bool> KeepAsync(long version)
    {
        ShardSnapshot snapshot;
        lock (_guarded.Gate)
        {
            _guarded.ThrowIfOver();
            if (_driver.IsAtWork || !State.HasValues || State.Cursor.Step != version)
            {
                return false;
            }

            snapshot = State.Snapshot();
        }

        await _writer.BeginAsync(snapshot);
        return true;
    }

    /// <summary>Tries to have the job to itself for a moment.</summary>
    /// <returns>False: somebody else has had it all the time.</returns>
    public bool TryEnter(TimeSpan patience)
    {
        if (!_guarded.Gate.TryEnter(patience))
        {
            return false;
        }

        _guarded.Gate.Exit();
        return true;
    }

    /// <inheritdoc cref="StepDriver.Park"/>
    public void Park() => _driver.Park();

    /// <summary>The job cannot go on: who waits here is told.</summary>
    /// <param name="isClose">Somebody closed it.</param>
    public void Fail(Exception failure, bool isClose = false)
    {
        if (!_guarded.TryFail(failure))
        {
            return;
        }

        _grants?.Dispose();
        _sessions.End(GuardedState.AsSeenByCallers(failure));
        Coordinator?.Fail(failure);
        _guarded.Close();
        if (!isClose)
        {
            _context.Observer.Failed(Descriptor.JobId, failure);
        }
    }

    /// <summary>Takes note of a scheduler of a higher term that wants what is the case already.</summary>
    public void Confirm(long term) => Restoration = Restoration is { } restoration ? restoration with { Term = term } : new Restoration(term, Cursor.Generation, null);

    /// <summary>The job goes on from another state: sends away whoever waits here, gives up what is on its way, and then lets go of the memory.</summary>
    public async Task SupersedeAsync(Cursor next)
    {
        Task idle;
        lock (_guarded.Gate)
        {
            _guarded.Supersede(next);
            idle = _driver.Idle;
        }

        _grants?.Dispose();
        _sessions.End(new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId} is being taken up again on shard {_context.Shard}, in generation {next.Generation}."));
        await _guarded.CloseAsync();
        await idle;
        await (Coordinator?.StopSealingAsync() ?? Task.CompletedTask);
        _guarded.Release();
    }

    /// <summary>The job is no longer hosted here: its memory is there for others.</summary>
    public void LetGo() => _memory.End();

    /// <summary>Waits until nothing of the job is at work here any more. After its end only.</summary>
    public async Task EndAsync()
    {
        Task idle;
        lock (_guarded.Gate)
        {
            idle = _driver.Idle;
        }

        await idle;
        _guarded.Dispose();
        await _writer.Written;
        await (Coordinator?.Sealed ?? Task.CompletedTask);
    }

    private static long HeldOf(Cursor version, StepHello hello) => hello.Held.Contains(version with { Attempt = 0 }) ? version.Step : -1;

    private void TellProgress()
    {
        if (Progress() is { } progress)
        {
            _grants?.Progress(progress);
            _teller?.Tell(progress);
        }
    }

    private async Task TellAsync(ShardProgress progress)
    {
        try
        {
            await _first.ProgressAsync(progress);
        }
        catch (OperationCanceledException) when (_guarded.Closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }
}
