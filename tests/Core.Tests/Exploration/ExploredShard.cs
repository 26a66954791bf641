using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>One life of a parameter server: its part of the job, the streams of workers, and in that of ps-0 the grants. A real <see cref="ShardState"/> and a real <see cref="GrantCoordinator"/>.</summary>
internal sealed class ExploredShard
{
    private readonly StepExploration _world;
    private readonly Dictionary<string, ExploredStream> _byWorker = new(StringComparer.Ordinal);
    // By stream: the push on it that is not whole.
    private readonly Dictionary<ExploredStream, PushTicket> _pushes = [];
    private readonly List<(Cursor Cursor, UInt128[] Hashes)> _announcing = [];
    private ShardProgress? _telling;
    // Versions whose hash and copy are not taken yet: the steps that led to them. One, where that comes first.
    private readonly Queue<(Cursor Step, bool IsKept)> _unhashed = [];
    private bool _keepsNext;

    public ExploredShard(StepExploration world, int shard)
    {
        _world = world;
        Shard = shard;
        Board = shard == 0 ? new ExploredBoard(world.Job, world.Layout, world.Log) : null;
    }

    public int Shard { get; }

    /// <value>Null: this process knows nothing of the job.</value>
    public ShardState? Job { get; private set; }

    /// <value>Of ps-0.</value>
    public ExploredBoard? Board { get; }

    /// <value>Of ps-0.</value>
    public GrantCoordinator? Coordinator { get; private set; }

    public IEnumerable<ExploredStream> Streams => _byWorker.Values;

    /// <summary>Takes the job up, in a generation of its own.</summary>
    public void Host(ShardState job)
    {
        Job = job;
        _pushes.Clear();
        _announcing.Clear();
        _telling = null;
        _unhashed.Clear();
        _keepsNext = false;
        foreach (ExploredStream stream in _byWorker.Values)
        {
            stream.End(null);
        }

        _byWorker.Clear();
        if (Board is not null)
        {
            Coordinator?.Dispose();
            Board.Begin(job.Cursor);
            Coordinator = new GrantCoordinator(job.Descriptor, Board, job.Cursor, _world.Time);
        }
    }

    /// <summary>Whether all shards are known to have a version.</summary>
    public bool Knows(int generation, long version) => Board?.Knows(generation, version) ?? false;

    /// <summary>A message of a worker arrives.</summary>
    public void Receive(ExploredStream stream)
    {
        object message = stream.Up.Dequeue();
        if (message is StreamBegin begin)
        {
            Attach(stream, begin);
            return;
        }

        if (message is StreamEnd)
        {
            Detach(stream);
            return;
        }

        if (!_byWorker.TryGetValue(stream.Worker, out ExploredStream? known) || known != stream)
        {
            return;
        }

        try
        {
            switch (message)
            {
                case ChunkMessage chunk:
                    Take(stream, chunk);
                    break;
                case EvaluationMessage evaluation:
                    Coordinator!.Evaluated(stream.Id, stream.Worker, evaluation);
                    break;
                case WorkerMessage word:
                    Coordinator!.Receive(stream.Id, word);
                    break;
            }
        }
        catch (ProtocolException exception) when (exception.Error == ProtocolError.Superseded)
        {
            // Of a worker that computed for the generation before while it connected.
        }
    }

    /// <summary>Goes one step further on the way from all slots to the next version, where that can be.</summary>
    public void Advance()
    {
        if (Job is not { } job)
        {
            return;
        }

        StepDecision decision = job.Intake.Decide();
        if (decision == StepDecision.NotFinite)
        {
            _world.Fail(job.Cursor.Step, job.Intake.NotFiniteSlots());
            return;
        }

        if (decision == StepDecision.Wait || (_unhashed.Count > 0 && _world.Rules.HashesFirst))
        {
            return;
        }

        double factor = 1;
        if (job.Descriptor.Optimizer.ClipNorm is not null)
        {
            Tell();
            if (First(job) is not { } first || first.ClipFactor(job.Cursor, Shard, job.BlockSquares()) is not { } known)
            {
                return;
            }

            factor = known;
        }

        if (_announcing.Count > 0 && _world.Rules.AwaitsAgreement)
        {
            return;
        }

        job.Update(factor);
        _unhashed.Enqueue((job.Cursor, _keepsNext || job.Descriptor.CheckpointsAt(job.Cursor.Step + 1)));
        _keepsNext = false;
        job.Commit();
        if (!_world.Rules.KeepsUntilAllAnnounced)
        {
            job.ReleasePrevious();
        }

        foreach (ExploredStream stream in _byWorker.Values)
        {
            stream.Send(new TurnMessage(job.View(-1)));
        }

        Tell();
    }

    /// <summary>Does what comes after a version was given out, beside the workers' computing: its hash and its copy, and the way to the agreement.</summary>
    public void Follow()
    {
        if (Job is not { } job)
        {
            return;
        }

        if (_unhashed.TryDequeue(out var made))
        {
            // The array is the shard's, and the next step's too.
            _announcing.Add((made.Step, [.. job.BlockHashes]));
            if (made.IsKept)
            {
                _world.Checkpoints.Cut(job);
            }

            return;
        }

        if (_announcing.Count > 0 && First(job) is { } first && first.Announce(_announcing[0].Cursor, Shard, _announcing[0].Hashes) is { } keepsNext)
        {
            _keepsNext = keepsNext;
            if (job.Cursor.Step == _announcing[0].Cursor.Step + 1)
            {
                job.ReleasePrevious();
            }

            _announcing.RemoveAt(0);
        }
    }

    /// <summary>What this shard has to tell of itself arrives at ps-0; until that is in its generation it is told again.</summary>
    public void Inform()
    {
        if (_telling is { } telling && _world.First.Coordinator is { } coordinator && _world.First.Job!.Cursor.Generation == telling.Cursor.Generation)
        {
            _telling = null;
            if (_world.AsHeard(telling) is { } heard)
            {
                coordinator.Progress(heard);
            }
        }
    }

    public void Tell()
    {
        if (Job is not { HasValues: true } job)
        {
            return;
        }

        var progress = new ShardProgress(Shard, job.Cursor, job.Missing(job.Cursor));
        if (Coordinator is not null)
        {
            Coordinator.Progress(progress);
            _world.Moved();
        }
        else if (_telling is null || progress.IsAfter(_telling))
        {
            _telling = progress;
        }
    }

    /// <summary>The process dies.</summary>
    public void Die()
    {
        Coordinator?.Dispose();
        foreach (ExploredStream stream in _byWorker.Values)
        {
            stream.Break(0, _world.Random.Next(stream.Down.Count + 1));
        }
    }

    /// <value>Null: ps-0 is in another generation.</value>
    private ExploredBoard? First(ShardState job) => _world.First is { Job: { } first } process && first.Cursor.Generation == job.Cursor.Generation ? process.Board : null;

    private void Attach(ExploredStream stream, StreamBegin begin)
    {
        if (Job is not { HasValues: true } job)
        {
            stream.Break(0, 0);
            return;
        }

        if (_byWorker.Remove(stream.Worker, out ExploredStream? older))
        {
            _world.Seen.Doubled++;
            older.End(null);
            _pushes.Remove(older);
            Coordinator?.Lose(older.Id);
        }

        _byWorker.Add(stream.Worker, stream);
        if (_world.Rules.OffersKeptVersion && job.ViewEarlier(begin.Held) is { } kept)
        {
            stream.Send(new TurnMessage(kept));
        }

        stream.Send(new TurnMessage(job.View(begin.Held.Contains(job.Cursor) ? job.Cursor.Step : -1)));
        Coordinator?.Join(stream.Id, stream.Worker, stream);
    }

    private void Detach(ExploredStream stream)
    {
        bool wasNewest = _byWorker.TryGetValue(stream.Worker, out ExploredStream? newest) && newest == stream;
        if (wasNewest)
        {
            _byWorker.Remove(stream.Worker);
        }

        if (wasNewest && stream.IsLeft && Coordinator?.InHand(stream.Worker) is { } left)
        {
            throw new InvalidOperationException($"{stream.Worker} said that it leaves, and is said to have died with {left}.");
        }

        Coordinator?.Lose(_world.Rules.GrantsAreOfStream ? stream.Id : newest?.Id ?? stream.Id);

        if (_pushes.Remove(stream))
        {
            Changed();
        }
    }

    private void Take(ExploredStream stream, ChunkMessage message)
    {
        ShardState job = Job!;
        if (message.IsFirst)
        {
            _pushes[stream] = job.Intake.BeginPush(message.Header);
            Coordinator?.Contributed(stream.Id, message.Header);
        }

        PushTicket ticket = _pushes[stream];
        if (message.Chunk is { } chunk)
        {
            job.Intake.AddChunk(ticket, chunk);
        }

        if (message.IsLast)
        {
            _pushes.Remove(stream);
            PushResult result = job.Intake.EndPush(ticket);
            _world.Seen.Answered(result);
            stream.Send(new AnswerMessage(message.Push, result));
            Changed();
        }
    }

    private void Changed()
    {
        if (Job!.Intake.Decide() == StepDecision.Wait)
        {
            Tell();
        }
    }
}
