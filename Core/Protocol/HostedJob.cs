using System.Diagnostics;
using Lockstep.Core.Checkpoints;

namespace Lockstep.Core.Protocol;

/// <summary>Drives one <see cref="ShardJob"/>: takes contributions, moves it on when they are all in, wakes who waits, writes checkpoints.</summary>
internal sealed class HostedJob
{
    private readonly Lock _gate = new();
    private readonly ShardJob _job;
    private readonly int _shard;
    private readonly IShardPeer? _first;
    private readonly TimeProvider _time;
    private readonly IShardObserver _observer;
    private readonly CancellationTokenSource _closed = new();
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private bool _advancing;
    private Task _announced = Task.CompletedTask;
    private Task _written = Task.CompletedTask;
    private long? _firstIn;
    private long? _gathered;

    public HostedJob(JobDescriptor descriptor, int shard, IShardPeer? first, long bytes, TimeProvider time, IShardObserver observer)
    {
        _job = new ShardJob(descriptor, shard);
        _shard = shard;
        _first = first;
        _time = time;
        _observer = observer;
        Bytes = bytes;
        Board = first is null ? new StepBoard(descriptor, time) : null;
        if (descriptor.ResumeStep is { } step)
        {
            _job.Load(CheckpointSet.Read(descriptor.CheckpointDirectory, step));
            Board?.FinishIfNothingIsLeft();
        }
    }

    public JobDescriptor Descriptor => _job.Descriptor;
    public int Elements => _job.Elements;
    public long Bytes { get; }

    /// <value>Of ps-0 only.</value>
    public StepBoard? Board { get; }

    public bool NeedsValues
    {
        get
        {
            lock (_gate)
            {
                return !_job.HasValues;
            }
        }
    }

    public Cursor Cursor
    {
        get
        {
            lock (_gate)
            {
                return _job.Cursor;
            }
        }
    }

    public void Initialize(ReadOnlySpan<float> values)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            _job.Initialize(values);
            Pulse();
        }
    }

    public async Task<PulledVersion> PullAsync(Cursor? after, long heldStep, CancellationToken cancellation)
    {
        while (true)
        {
            Task moved;
            lock (_gate)
            {
                ThrowIfFailed();
                if (_job.HasValues && (after is not { } cursor || _job.Cursor > cursor))
                {
                    return _job.View(heldStep, _gathered is { } gathered ? _time.GetElapsedTime(gathered).TotalMilliseconds : -1);
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
            ThrowIfFailed();
            return _job.ViewAt(cursor, heldStep);
        }
    }

    public IReadOnlyList<int> Missing(Cursor cursor)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            return _job.Missing(cursor);
        }
    }

    public IPushSession BeginPush(Contribution header)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            return new Session(this, _job.BeginPush(header));
        }
    }

    public void Fail(Exception failure, bool isClose = false)
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = failure;
            Pulse();
        }

        Board?.Fail(failure);
        _closed.Cancel();
        if (!isClose)
        {
            _observer.Failed(Descriptor.JobId, failure);
        }
    }

    private void AdvanceIfDecided()
    {
        lock (_gate)
        {
            if (_advancing || _failure is not null || _job.Decide() == StepDecision.Wait)
            {
                return;
            }

            _advancing = true;
        }

        _ = AdvanceAsync();
    }

    private async Task AdvanceAsync()
    {
        try
        {
            long gathered = _time.GetTimestamp();
            double gatherMs = _time.GetElapsedTime(_firstIn ?? gathered, gathered).TotalMilliseconds;
            lock (_gate)
            {
                _firstIn = null;
            }

            switch (_job.Decide())
            {
                case StepDecision.NotFinite:
                    throw new ProtocolException(ProtocolError.NotFinite, $"Job {Descriptor.JobId}: the gradient of step {_job.Cursor.Step} is not finite (slots {string.Join(", ", _job.NotFiniteSlots())}). Lower the learning rate, clip the norm, or look for bad values in the data.");
                case StepDecision.Repeat:
                    Repeat();
                    break;
                default:
                    await UpdateAsync(gathered, gatherMs);
                    break;
            }
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            return;
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        lock (_gate)
        {
            _advancing = false;
        }

        // What came in meanwhile may already be all of the next step.
        AdvanceIfDecided();
    }

    private void Repeat()
    {
        Cursor cursor;
        lock (_gate)
        {
            cursor = _job.Cursor;
            _job.Repeat();
            Pulse();
        }

        _observer.Repeated(Descriptor.JobId, cursor);
    }

    private async Task UpdateAsync(long gathered, double gatherMs)
    {
        // All slots are in: pushes that still come only read, so the state may be worked on outside of the lock.
        Cursor cursor = _job.Cursor;
        IShardPeer? first = _first;
        double factor = 1;
        if (Descriptor.Optimizer.ClipNorm is not null)
        {
            double[] squares = _job.BlockSquares();
            factor = first is null
                ? await Board!.ClipFactorAsync(cursor, _shard, squares).WaitAsync(_closed.Token)
                : await first.ClipFactorAsync(Descriptor.JobId, cursor, _shard, squares, _closed.Token);
        }

        await _announced;
        UInt128[] hashes = _job.Update(factor);
        CommittedStep step;
        ShardState? snapshot = null;
        lock (_gate)
        {
            step = _job.Commit();
            _gathered = gathered;
            if (Descriptor.CheckpointsAt(_job.Cursor.Step))
            {
                snapshot = _job.Snapshot();
            }
        }

        double updateMs = _time.GetElapsedTime(gathered).TotalMilliseconds;
        Board?.Committed(step, gathered);
        // The board knows of the step before a worker can know of the version.
        _announced = AnnounceAsync(new ShardAnnouncement(cursor, _shard, hashes, gatherMs, updateMs, step.Counters.Mismatched));
        lock (_gate)
        {
            Pulse();
        }

        _observer.Stepped(Descriptor.JobId, step, gatherMs, updateMs);
        if (snapshot is not null)
        {
            // One at a time: a slow disk holds training back rather than filling the memory.
            await _written;
            _written = Task.Run(() => WriteAsync(snapshot), CancellationToken.None);
        }
    }

    private async Task AnnounceAsync(ShardAnnouncement announcement)
    {
        try
        {
            if (_first is null)
            {
                await Board!.AnnounceAsync(announcement).WaitAsync(_closed.Token);
            }
            else
            {
                await _first.AnnounceAsync(Descriptor.JobId, announcement, _closed.Token);
            }

            lock (_gate)
            {
                if (_job.Cursor.Step == announcement.Cursor.Step + 1)
                {
                    _job.ReleasePrevious();
                }
            }
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    private async Task WriteAsync(ShardState state)
    {
        try
        {
            long started = _time.GetTimestamp();
            string directory = CheckpointSet.DirectoryOf(Descriptor.CheckpointDirectory, state.Version);
            Directory.CreateDirectory(directory);
            string sha256 = CheckpointPart.Write(Path.Combine(directory, CheckpointPart.FileName(_shard, Descriptor.Shards)), Descriptor, state);
            if (_first is null)
            {
                Board!.CheckpointDurable(state.Version, _shard, sha256);
            }
            else
            {
                await _first.CheckpointDurableAsync(Descriptor.JobId, state.Version, _shard, sha256, _closed.Token);
            }

            _observer.CheckpointWritten(Descriptor.JobId, state.Version, _time.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Fail(new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint of version {state.Version} cannot be written to {Descriptor.CheckpointDirectory}: {exception.Message} Free space or correct the rights, then resume."));
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    private void ThrowIfFailed()
    {
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

    private sealed class Session(HostedJob owner, PushTicket ticket) : IPushSession
    {
        private bool _answered;

        public void Add(in ChunkSum chunk)
        {
            lock (owner._gate)
            {
                owner.ThrowIfFailed();
                if (owner._job.AddChunk(ticket, chunk))
                {
                    owner._firstIn ??= owner._time.GetTimestamp();
                }
            }
        }

        public PushResult Complete()
        {
            PushResult result;
            lock (owner._gate)
            {
                owner.ThrowIfFailed();
                Debug.Assert(!_answered, "A push is answered once.");
                _answered = true;
                result = owner._job.EndPush(ticket);
            }

            owner.AdvanceIfDecided();
            return result;
        }

        public void Dispose()
        {
            // Whole chunks of a push that broke off stay, and may have been the last that were missing.
            if (!_answered)
            {
                owner.AdvanceIfDecided();
            }
        }
    }
}
