using System.Diagnostics;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Protocol;

/// <summary>Drives one <see cref="ShardJob"/>: takes contributions, moves it on when they are all in, wakes who waits, writes checkpoints. Lives as long as one generation of the job; the next one has another.</summary>
internal sealed partial class HostedJob
{
    private readonly Lock _gate = new();
    private readonly ShardContext _context;
    private readonly IShardPeer _first;
    private readonly CheckpointWriter _writer;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource<HostedJob?> _successor = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly JobMemory _memory;
    // Null once the next generation needs the room.
    private ShardJob? _held;
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
        _held = new ShardJob(descriptor, context.Shard, restoration?.Generation ?? 0, new EscapePool(memory));
        if ((restoration?.Version ?? descriptor.ResumeStep) is { } version)
        {
            _held.Load(CheckpointSet.Read(descriptor.CheckpointDirectory, version, context.Shard, descriptor.Shards), restoration?.Generation);
        }

        _writer = new CheckpointWriter(descriptor, context, TellAsync, failure => Fail(failure), _closed.Token);
        if (context.First is { } first)
        {
            _first = first;
            return;
        }

        Board = board ?? new StepBoard(descriptor, context.Time, context.Observer, context.Files);
        Board.Begin(_held.Cursor.Generation, _held.Cursor.Step, restoration is not null);
        Board.Failed = failure => Fail(failure);
        _first = Board;
    }

    public JobDescriptor Descriptor { get; }
    public int Elements => Job.Elements;
    public long Bytes => _memory.Bytes;
    /// <value>How this generation began; null: the job was opened.</value>
    public Restoration? Restoration { get; private set; }

    /// <value>Of ps-0 only.</value>
    public StepBoard? Board { get; }

    /// <value>The job's next generation on this shard, once this one is superseded; null: it could not be taken up.</value>
    public Task<HostedJob?> Successor => _successor.Task;

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
                Pulse();
            }
        }
    }

    /// <exception cref="SupersededException">The job goes on in <see cref="Successor"/>.</exception>
    public async Task<PulledVersion> PullAsync(Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation)
    {
        if (pace.IsKnown && Board is not null)
        {
            lock (_gate)
            {
                ThrowIfOver();
                Job.Counters.SlotMs[pace.WorkerId!] = pace.SlotMs;
            }
        }

        while (true)
        {
            Task moved;
            lock (_gate)
            {
                ThrowIfOver();
                if (Job.HasValues && (after is not { } cursor || Job.Cursor > cursor))
                {
                    PulledVersion version = Job.View(heldStep, _gathered is { } gathered ? _context.Time.GetElapsedTime(gathered).TotalMilliseconds : -1);
                    version.Trace = _ledHere;
                    return version;
                }

                if (!Job.HasValues && Restoration is not null)
                {
                    // Whoever opened the job gave the values that are lost; nobody else will.
                    throw new ProtocolException(ProtocolError.NeedsValues, $"Job {Descriptor.JobId} was taken back to its start, and shard {_context.Shard} waits for initial values. Open it and give them again.");
                }

                moved = _moved.Task;
            }

            await moved.WaitAsync(cancellation);
        }
    }

    public PulledVersion? PullAt(Cursor cursor, long heldStep)
    {
        lock (_gate)
        {
            ThrowIfOver();
            return Job.ViewAt(cursor, heldStep);
        }
    }

    public IReadOnlyList<int> Missing(Cursor cursor)
    {
        lock (_gate)
        {
            ThrowIfOver();
            return Job.Missing(cursor);
        }
    }

    public IPushSession BeginPush(Contribution header)
    {
        lock (_gate)
        {
            ThrowIfOver();
            return new Session(this, Job.BeginPush(header));
        }
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
            Pulse();
        }

        Board?.Fail(failure);
        _closed.Cancel();
        _successor.TrySetResult(null);
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
            Pulse();
        }

        await _closed.CancelAsync();
        await idle;
        lock (_gate)
        {
            _held = null;
        }
    }

    /// <summary>The job is no longer hosted here: its memory is there for others.</summary>
    public void LetGo() => _memory.End();

    /// <param name="successor">Null: it could not be taken up.</param>
    public void Superseded(HostedJob? successor) => _successor.TrySetResult(successor);

    /// <summary>Waits until nothing of the job is at work here any more. After its end only.</summary>
    public async Task EndAsync()
    {
        Task idle;
        lock (_gate)
        {
            idle = Idle;
        }

        await idle;
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
            throw failure is ProtocolException known ? new ProtocolException(known.Error, known.Message) : new InvalidOperationException(failure.Message, failure);
        }
    }

    private void Pulse()
    {
        _moved.TrySetResult();
        _moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
