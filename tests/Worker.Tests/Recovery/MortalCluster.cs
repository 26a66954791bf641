using System.Runtime.CompilerServices;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Local;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>What happens on the way to a shard, or on it: the places where a test lets it die.</summary>
public enum Moment
{
    /// <summary>A push ends that may be the last of the step.</summary>
    Push = 1,
    BeforeClip = 2,
    AfterClip = 3,
    BeforeAnnounce = 4,
    AfterAnnounce = 5,
    /// <summary>The shard has the next version, and announces it.</summary>
    Stepped = 6,
    BeforeCheckpointPart = 7,
    AfterCheckpointPart = 8,
    Evaluation = 9,
    /// <summary>The shard has all slots of the step.</summary>
    Update = 10,
    /// <summary>The shard has given the next version out, and announced it to nobody.</summary>
    Turn = 11,
    /// <summary>The shard has announced the next version, and has no answer.</summary>
    Announce = 12,
}

/// <summary>Parameter servers in one process that die as processes do: what is on its way to them breaks off, their memory is gone, and others take their places at the same address.</summary>
internal sealed class MortalCluster : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Life?[] _lives;
    private readonly List<Life> _all = [];
    private TaskCompletionSource _born = NewSignal();

    /// <param name="before">Called before each operation on the disk of a shard, with (shard, operation, file's name).</param>
    public MortalCluster(int shards, Action<int, string, string>? before = null)
    {
        _lives = new Life?[shards];
        Before = before;
        Clients = [.. Enumerable.Range(0, shards).Select(shard => new MortalShard(this, shard))];
        for (int shard = 0; shard < shards; shard++)
        {
            Start(shard);
        }
    }

    public IReadOnlyList<MortalShard> Clients { get; }

    /// <value>Called at each moment with (moment, shard, cursor), by whoever brought it about.</value>
    public Action<Moment, int, Cursor>? Happened { get; set; }

    public Action<int, string, string>? Before { get; }

    /// <value>Ledger lines that differed from what they were at first.</value>
    public int LedgerAlarms { get; private set; }

    /// <value>Restorations, by shard.</value>
    public List<(int Shard, Cursor Cursor)> Restored { get; } = [];

    /// <summary>As kill -9.</summary>
    public void Kill(int shard)
    {
        Life life;
        lock (_gate)
        {
            life = _lives[shard] ?? throw new InvalidOperationException($"Shard {shard} is dead.");
            _lives[shard] = null;
        }

        // Whoever is told runs elsewhere: the one who kills may be in the middle of the shard.
        _ = life.Dead.CancelAsync();
    }

    public void Start(int shard)
    {
        var life = new Life(this, shard);
        lock (_gate)
        {
            _lives[shard] = life;
            _all.Add(life);
            _born.TrySetResult();
            _born = NewSignal();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Life life in _all)
        {
            await life.Host.DisposeAsync();
        }
    }

    /// <summary>Where the shards of a job are, for a run that hangs.</summary>
    public string Describe(string jobId) => string.Join(", ", _lives.Select((life, shard) => $"shard {shard} {(life is null ? "is dead" : $"at {life.Host.Progress(jobId)?.Cursor} lacks [{string.Join(' ', life.Host.Progress(jobId)?.Missing ?? [])}]")}")) + "; " + _lives[0]?.Host.DescribeGrants(jobId);

    internal async Task<Life> AliveAsync(int shard, CancellationToken cancellation)
    {
        while (true)
        {
            Task born;
            lock (_gate)
            {
                if (_lives[shard] is { } life)
                {
                    return life;
                }

                born = _born.Task;
            }

            await born.WaitAsync(cancellation);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal sealed class Life : IShardObserver
    {
        private readonly MortalCluster _cluster;
        private readonly int _shard;

        public Life(MortalCluster cluster, int shard)
        {
            _cluster = cluster;
            _shard = shard;
            var files = new MortalFiles(Dead.Token, (what, name) => cluster.Before?.Invoke(shard, what, name));
            Host = new ShardHost(shard, shard == 0 ? null : cluster.Clients[0], long.MaxValue, TimeProvider.System, this, files, reach: Reach);
            Client = new LocalShardClient(Host, shard);
        }

        public CancellationTokenSource Dead { get; } = new();
        public ShardHost Host { get; }
        public LocalShardClient Client { get; }

        public void Stepped(string jobId, CommittedStep step, double gatherMs, double updateMs) => _cluster.Happened?.Invoke(Moment.Stepped, _shard, step.Cursor);

        private void Reach(FaultPhase phase, long step)
        {
            Moment moment = phase switch { FaultPhase.Update => Moment.Update, FaultPhase.Turn => Moment.Turn, _ => Moment.Announce };
            _cluster.Happened?.Invoke(moment, _shard, new Cursor(Host.Jobs.Values.FirstOrDefault().Generation, step, 0));
        }

        void IShardObserver.LedgerDiffers(string jobId, Cursor cursor, string first, string now) => _cluster.LedgerAlarms++;

        void IShardObserver.Restored(string jobId, Cursor cursor, bool needsValues, double elapsedMs)
        {
            lock (_cluster.Restored)
            {
                _cluster.Restored.Add((_shard, cursor));
            }
        }
    }
}

/// <summary>A connection to whatever process has the shard's address: calls that break off are made again, as over gRPC.</summary>
internal sealed class MortalShard(MortalCluster cluster, int shard) : IShardWork, IShardControl, IShardFeed, IShardPeer
{
    public int Shard => shard;

    public string Path => "local";

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => CallAsync((client, stop) => client.OpenAsync(descriptor, stop), cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => CallAsync((client, stop) => client.InitializeAsync(jobId, values, stop), cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => CallAsync((client, stop) => client.DescribeAsync(jobId, stop), cancellation);

    public async Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation)
    {
        MortalCluster.Life life = await cluster.AliveAsync(shard, cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, life.Dead.Token);
        try
        {
            await new Stream(cluster, life.Host, shard, receiver).RunAsync(jobId, workerId, stop.Token);
        }
        catch (Exception) when (life.Dead.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            // Whatever it was, it did not come over the broken connection.
        }
    }

    public Task<AbandonedSlots?> InHandAsync(string jobId, string workerId, CancellationToken cancellation) => CallAsync((client, stop) => client.InHandAsync(jobId, workerId, stop), cancellation);

    public async IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            MortalCluster.Life life = await cluster.AliveAsync(shard, cancellation);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, life.Dead.Token);
            await using IAsyncEnumerator<StepReport> reports = life.Client.WatchAsync(jobId, from, stop.Token).GetAsyncEnumerator(stop.Token);
            while (true)
            {
                bool more;
                try
                {
                    more = await reports.MoveNextAsync();
                }
                catch (OperationCanceledException) when (life.Dead.IsCancellationRequested && !cancellation.IsCancellationRequested)
                {
                    break;
                }

                if (life.Dead.IsCancellationRequested)
                {
                    // The dead tell nothing, and what they would is in no file.
                    break;
                }

                if (!more)
                {
                    yield break;
                }

                from++;
                yield return reports.Current;
            }
        }
    }

    public Task CloseAsync(string jobId, CancellationToken cancellation) => CallAsync((client, stop) => client.CloseAsync(jobId, stop), cancellation);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => CallAsync((client, stop) => client.RestoreAsync(descriptor, term, generation, version, stop), cancellation);

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => CallAsync((client, stop) => client.StatusAsync(jobId, stop), cancellation);

    public Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation) => CallAsync((client, stop) => client.KeepAsync(jobId, version, stop), cancellation);

    public Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation) => CallAsync((client, stop) => client.CheckpointsAsync(descriptor, stop), cancellation);

    public IAsyncEnumerable<ShardPresence> PresenceAsync(CancellationToken cancellation) => throw new NotSupportedException("Tests know who dies.");

    public async Task<double> ClipFactorAsync(string jobId, Cursor cursor, int part, double[] blockSquares, CancellationToken cancellation)
    {
        cluster.Happened?.Invoke(Moment.BeforeClip, part, cursor);
        double factor = await HostAsync((host, stop) => host.ClipFactorAsync(jobId, cursor, part, blockSquares, stop), cancellation);
        cluster.Happened?.Invoke(Moment.AfterClip, part, cursor);
        return factor;
    }

    public async Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation)
    {
        cluster.Happened?.Invoke(Moment.BeforeAnnounce, announcement.Shard, announcement.Cursor);
        bool keepsNext = await HostAsync((host, stop) => host.AnnounceAsync(jobId, announcement, stop), cancellation);
        cluster.Happened?.Invoke(Moment.AfterAnnounce, announcement.Shard, announcement.Cursor);
        return keepsNext;
    }

    public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => HostAsync((host, stop) => Done(host.ProgressAsync(jobId, progress, stop)), cancellation);

    public async Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation)
    {
        cluster.Happened?.Invoke(Moment.BeforeCheckpointPart, notice.Shard, new Cursor(notice.Generation, notice.Version, 0));
        await HostAsync((host, stop) => Done(host.CheckpointPartAsync(jobId, notice, stop)), cancellation);
        cluster.Happened?.Invoke(Moment.AfterCheckpointPart, notice.Shard, new Cursor(notice.Generation, notice.Version, 0));
    }

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => HostAsync((host, stop) => host.CheckpointAsync(jobId, stop), cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task CallAsync(Func<LocalShardClient, CancellationToken, Task> call, CancellationToken cancellation) => CallAsync((client, stop) => Done(call(client, stop)), cancellation);

    private Task<T> CallAsync<T>(Func<LocalShardClient, CancellationToken, Task<T>> call, CancellationToken cancellation) => OnceItAnswersAsync((life, stop) => call(life.Client, stop), cancellation);

    private Task<T> HostAsync<T>(Func<ShardHost, CancellationToken, Task<T>> call, CancellationToken cancellation) => OnceItAnswersAsync((life, stop) => call(life.Host, stop), cancellation);

    private async Task<T> OnceItAnswersAsync<T>(Func<MortalCluster.Life, CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        while (true)
        {
            MortalCluster.Life life = await cluster.AliveAsync(shard, cancellation);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, life.Dead.Token);
            try
            {
                T answer = await call(life, stop.Token);
                if (!life.Dead.IsCancellationRequested)
                {
                    return answer;
                }
            }
            catch (Exception) when (life.Dead.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // Whatever it was, it did not come over the broken connection.
            }

            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private sealed class Stream(MortalCluster cluster, ShardHost host, int shard, IStepReceiver receiver) : LocalStepStream(host, shard, receiver)
    {
        protected override Task DeliverUpAsync(object message, int? chunk, Action deliver, CancellationToken cancellation)
        {
            if (message is Contribution contribution && chunk == contribution.Chunks.Count - 1)
            {
                cluster.Happened?.Invoke(Moment.Push, Shard, contribution.Cursor);
            }

            cancellation.ThrowIfCancellationRequested();
            deliver();
            if (message is EvaluationMessage evaluation)
            {
                cluster.Happened?.Invoke(Moment.Evaluation, Shard, evaluation.Cursor);
            }

            return Task.CompletedTask;
        }
    }
}
