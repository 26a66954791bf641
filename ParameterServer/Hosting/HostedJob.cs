using System.Diagnostics;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>Drives one <see cref="ShardJob"/>: takes contributions, moves it on when they are all in, gives workers their turns, writes checkpoints. Lives as long as one generation of the job; the next one has another.</summary>
internal sealed partial class HostedJob
{
    private readonly Lock _gate = new();
    private readonly ShardContext _context;
    private readonly IShardPeer _first;
    private readonly CheckpointWriter _writer;
    private readonly CancellationTokenSource _closed = new();
    private readonly JobMemory _memory;
    private readonly StepSessions _sessions = new();
    // Of ps-0.
    private readonly GrantCoordinator? _coordinator;
    // Of the other shards.
    private readonly ProgressTeller? _teller;
    // Null once the next generation needs the room.
    private ShardJob? _held;
    private Exception? _failure;
    private Cursor? _supersededBy;
    private TaskCompletionSource? _idle;
    // Whether the version after the announced one is kept, beside those of the policy.
    private Task<bool> _announced = Task.FromResult(false);
    private long? _firstIn;
    private long? _gathered;
    private double _blockedMs;
    private bool _parks;
    private bool _parked;
    // Spans, where the step is traced: of the first and last push that was added, and of what led to the newest version.
    private ActivityContext _firstPush;
    private ActivityContext _lastPush;
    private ActivityContext _ledHere;

    /// <param name="restoration">Null: the job is opened.</param>
    /// <param name="board">Of ps-0, of the generation before; null: there is none.</param>
    public HostedJob(JobDescriptor descriptor, ShardContext context, JobMemory memory, Restoration? restoration, StepBoard? board)
    {
        _context = context;
        Descriptor = descriptor;
        Restoration = restoration;
        _memory = memory;
        _held = new ShardJob(descriptor, context.Shard, restoration?.Generation ?? 0, new EscapePool(memory), context.Room);
        if ((restoration?.Version ?? descriptor.ResumeStep) is { } version)
        {
            _held.Load(CheckpointSet.Read(descriptor.CheckpointDirectory, version, context.Shard, descriptor.Shards), restoration?.Generation);
        }

        _writer = new CheckpointWriter(descriptor, context, TellAsync, failure => Fail(failure), _closed.Token);
        if (context.First is { } first)
        {
            _first = first;
            // ps-0 begins with what this shard is at.
            _teller = new ProgressTeller(TellAsync);
            return;
        }

        Board = board ?? new StepBoard(descriptor, context.Time, context.Observer, context.Files);
        Board.Begin(_held.Cursor.Generation, _held.Cursor.Step, restoration is not null);
        Board.Failed = failure => Fail(failure);
        Board.Over = () => _sessions.Send(_ => new OverMessage());
        _first = Board;
        _coordinator = new GrantCoordinator(descriptor, Board, _held.Cursor, context.Time);
    }

    public JobDescriptor Descriptor { get; }
    public int Elements => Job.Elements;
    public long Bytes => _memory.Bytes;

    /// <value>How this generation began; null: the job was opened.</value>
    public Restoration? Restoration { get; private set; }

    /// <value>Of ps-0 only.</value>
    public StepBoard? Board { get; }

    public bool NeedsValues
    {
        get
        {
            lock (_gate)
            {
                return _supersededBy is null && !Job.HasValues;
            }
        }
    }

    public Cursor Cursor
    {
        get
        {
            lock (_gate)
            {
                return _supersededBy ?? Job.Cursor;
            }
        }
    }

    public ShardStatus Status(string incarnation)
    {
        lock (_gate)
        {
            return _supersededBy is not null ? new ShardStatus { Incarnation = incarnation } : new ShardStatus
            {
                Incarnation = incarnation,
                Hosted = true,
                Cursor = Job.Cursor,
                NeedsValues = !Job.HasValues,
                Term = Restoration?.Term ?? 0,
                DurableVersion = Board?.DurableVersion,
                FinalCheckpointFailure = _writer.FinalFailure ?? Board?.FinalFailure,
                Failure = _failure?.Message,
                Error = (_failure as ProtocolException)?.Error,
            };
        }
    }

    public void Initialize(ReadOnlySpan<float> values)
    {
        lock (_gate)
        {
            ThrowIfOver();
            bool isNew = !Job.HasValues;
            Job.Initialize(values);
            if (isNew)
            {
                // From here on there is always a checkpoint to go back to. Nothing is being written yet, so this only begins it.
                _ = _writer.BeginAsync(Job.Snapshot());
            }
        }
    }

    /// <summary>Takes a worker's stream in. It begins with the turns of the version before, where that is kept, and of the newest.</summary>
    /// <exception cref="ProtocolException">The shard waits for initial values, or the job is over.</exception>
    public IStepSession Attach(StepHello hello, IStepSink sink)
    {
        var session = new StepSession(this, _context.NextSession(), hello.WorkerId, sink);
        StepSession? older;
        lock (_gate)
        {
            ThrowIfOver();
            if (!Job.HasValues)
            {
                throw new ProtocolException(ProtocolError.NeedsValues, $"Job {Descriptor.JobId} waits for initial values on shard {_context.Shard}. Open it and give them.");
            }

            TurnMessage newest = Turn(Job.View(HeldOf(Job.Cursor, hello)));
            older = Job.ViewEarlier(hello.Held) is { } kept ? _sessions.Add(session, Turn(kept), newest) : _sessions.Add(session, newest);
        }

        if (older is not null)
        {
            older.Sink.End(new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId}: worker {hello.WorkerId} opened another stream to shard {_context.Shard}."));
            _coordinator?.Lose(older.Id);
        }

        _coordinator?.Join(session.Id, hello.WorkerId, sink);
        if (Board is { IsOver: true })
        {
            sink.Send(new OverMessage());
        }

        return session;
    }

    /// <summary>A stream ended: what its worker had in hand is free.</summary>
    public void Detach(StepSession session)
    {
        _sessions.Remove(session);
        _coordinator?.Lose(session.Id);
    }

    /// <exception cref="ProtocolException">It is for ps-0, and this is another shard; or it does not fit the job.</exception>
    public void Receive(StepSession session, WorkerMessage message)
    {
        if (Board is null || _coordinator is null)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: only shard 0 takes what is not a contribution, not shard {_context.Shard}.");
        }

        try
        {
            if (message is EvaluationMessage evaluation)
            {
                _coordinator.Evaluated(session.Id, session.WorkerId, evaluation);
            }
            else
            {
                _coordinator.Receive(session.Id, message);
            }
        }
        catch (ProtocolException exception) when (exception.Error == ProtocolError.Superseded)
        {
            // Of a generation that is over: this stream is about to end.
        }
    }

    /// <summary>What a worker has in hand, or left behind when its stream ended, in a step that is not over; null: nothing.</summary>
    public AbandonedSlots? InHand(string workerId) => _coordinator?.InHand(workerId);

    public string DescribeGrants() => _coordinator?.ToString() ?? "";

    public PushTicket BeginPush(StepSession session, Contribution header)
    {
        PushTicket ticket;
        lock (_gate)
        {
            ThrowIfOver();
            ticket = Job.BeginPush(header);
            if (Board is not null && header.SlotMs > 0 && double.IsFinite(header.SlotMs))
            {
                Job.Counters.SlotMs[session.WorkerId] = header.SlotMs;
            }
        }

        _coordinator?.Contributed(session.Id, header);
        return ticket;
    }

    public void AddChunk(PushTicket ticket, in ChunkSum chunk)
    {
        ShardJob job;
        lock (_gate)
        {
            if (_supersededBy is not null)
            {
                return;
            }

            ThrowIfOver();
            job = Job;
            if (!job.Admits(ticket, chunk))
            {
                return;
            }
        }

        // The numbers are looked through, and added, beside whatever else the job does.
        string? fault = job.Check(ticket, chunk);
        lock (_gate)
        {
            if (_supersededBy is not null)
            {
                return;
            }

            ThrowIfOver();
            if (!job.Claim(ticket, chunk, fault))
            {
                return;
            }
        }

        try
        {
            job.Accumulate(ticket, chunk);
        }
        catch (ProtocolException exception)
        {
            // A chunk that is in by half cannot be taken back; the job is over.
            Fail(exception);
            throw;
        }

        lock (_gate)
        {
            job.Done(ticket);
            _lastPush = ShardSpans.Current();
            if (_firstIn is null)
            {
                _firstIn = _context.Time.GetTimestamp();
                _firstPush = _lastPush;
            }
        }
    }

    public PushResult EndPush(PushTicket ticket)
    {
        lock (_gate)
        {
            if (_supersededBy is { } next)
            {
                return new PushResult(PushStatus.Stale, next, [], []);
            }

            ThrowIfOver();
            return Job.EndPush(ticket);
        }
    }

    /// <summary>Slots came in: moves on where they are all there, and tells ps-0 what is missing where not.</summary>
    public void Changed()
    {
        if (!AdvanceIfDecided())
        {
            TellProgress();
        }
    }

    /// <summary>Where this shard is and what some chunk of it lacks; null: it is over here.</summary>
    public ShardProgress? Progress()
    {
        lock (_gate)
        {
            return IsOver ? null : new ShardProgress(_context.Shard, Job.Cursor, Job.Missing(Job.Cursor));
        }
    }

    /// <summary>ps-0: another shard says how far it is.</summary>
    /// <exception cref="ProtocolException">It is of another generation, or this is not ps-0.</exception>
    public void Hear(ShardProgress progress)
    {
        if (_coordinator is null || progress.Shard < 1 || progress.Shard >= Descriptor.Shards)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: shard {_context.Shard} was told of shard {progress.Shard}; only shard 0 takes that, of the job's {Descriptor.Shards} shards.");
        }

        Cursor cursor = Cursor;
        if (progress.Cursor.Generation != cursor.Generation)
        {
            throw new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId} is in generation {cursor.Generation} on shard 0; what comes of generation {progress.Cursor.Generation} does not count there.");
        }

        _coordinator.Progress(progress);
    }

    /// <summary>Begins to write the version that this shard is at as a checkpoint, where it is that one.</summary>
    public async Task<bool> KeepAsync(long version)
    {
        ShardState snapshot;
        lock (_gate)
        {
            ThrowIfOver();
            if (_idle is not null || !Job.HasValues || Job.Cursor.Step != version)
            {
                return false;
            }

            snapshot = Job.Snapshot();
        }

        await _writer.BeginAsync(snapshot);
        return true;
    }

    /// <summary>Tries to have the job to itself for a moment.</summary>
    /// <returns>False: somebody else has had it all the time.</returns>
    public bool TryEnter(TimeSpan patience)
    {
        if (!_gate.TryEnter(patience))
        {
            return false;
        }

        _gate.Exit();
        return true;
    }

    /// <summary>Stays at the next checkpoint that is asked for: the other shards cannot report a step without this one, so that none is done twice when another process takes over.</summary>
    public void Park()
    {
        lock (_gate)
        {
            _parks = true;
        }
    }

    /// <value>Whether it stays where it is, at a checkpoint.</value>
    public bool IsParked
    {
        get
        {
            lock (_gate)
            {
                return _parked;
            }
        }
    }

    public void Fail(Exception failure, bool isClose = false)
    {
        lock (_gate)
        {
            if (_failure is not null || _supersededBy is not null)
            {
                return;
            }

            _failure = failure;
        }

        _coordinator?.Dispose();
        _sessions.End(AsSeenByCallers(failure));
        Board?.Fail(failure);
        _closed.Cancel();
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
        lock (_gate)
        {
            _supersededBy = next;
            idle = Idle;
        }

        _coordinator?.Dispose();
        _sessions.End(new ProtocolException(ProtocolError.Superseded, $"Job {Descriptor.JobId} is being taken up again on shard {_context.Shard}, in generation {next.Generation}."));
        await _closed.CancelAsync();
        await idle;
        await (Board?.StopSealingAsync() ?? Task.CompletedTask);
        ShardJob? held;
        lock (_gate)
        {
            held = _held;
            _held = null;
        }

        held?.Dispose();
    }

    /// <summary>The job is no longer hosted here: its memory is there for others.</summary>
    public void LetGo() => _memory.End();

    /// <summary>Waits until nothing of the job is at work here any more. After its end only.</summary>
    public async Task EndAsync()
    {
        Task idle;
        lock (_gate)
        {
            idle = Idle;
        }

        await idle;
        _held?.Dispose();
        await _writer.Written;
        await (Board?.Sealed ?? Task.CompletedTask);
    }

    private ShardJob Job => _held ?? throw new SupersededException();

    private Task Idle => _idle?.Task ?? Task.CompletedTask;

    private bool IsOver => _failure is not null || _supersededBy is not null;

    private void ThrowIfOver()
    {
        if (_supersededBy is not null)
        {
            throw new SupersededException();
        }

        if (_failure is { } failure)
        {
            throw AsSeenByCallers(failure);
        }
    }

    private static Exception AsSeenByCallers(Exception failure) =>
        failure is ProtocolException known ? new ProtocolException(known.Error, known.Message) : new InvalidOperationException(failure.Message, failure);

    private static long HeldOf(Cursor version, StepHello hello) => hello.Held.Contains(version with { Attempt = 0 }) ? version.Step : -1;

    private TurnMessage Turn(PulledVersion version)
    {
        version.Trace = _ledHere;
        version.Gathered = _gathered;
        return new TurnMessage(version);
    }

    private void TellProgress()
    {
        if (Progress() is { } progress)
        {
            _coordinator?.Progress(progress);
            _teller?.Tell(progress);
        }
    }

    private async Task TellAsync(ShardProgress progress)
    {
        try
        {
            await AskFirstAsync(async () =>
            {
                await _first.ProgressAsync(Descriptor.JobId, progress, _closed.Token);
                return true;
            });
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }
}
