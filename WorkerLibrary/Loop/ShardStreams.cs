using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>Keeps a stream open to every shard of a job, and puts what comes into the mailbox. Where a shard lost the job, its process having died, it waits until the scheduler has taken the job up again, and gives the initial values where they are asked for.</summary>
internal sealed class ShardStreams(TrainingPlan job, string workerId, IReadOnlyList<IShardWork> shards, StepMailbox mailbox, VersionStage stage, TimeProvider time, ILogger logger) : IStepReceiver
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(320);

    /// <summary>How long last words may take to reach a shard that is busy or away.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly bool[] _wasOpen = new bool[shards.Count];
    private readonly Cursor?[] _newest = new Cursor?[shards.Count];
    // Whether a shard offered a newer version since its stream was lost last.
    private readonly bool[] _hasNew = new bool[shards.Count];
    private readonly IStepStream?[] _open = new IStepStream?[shards.Count];
    private readonly Task[] _kept = [.. shards.Select(_ => Task.CompletedTask)];
    private volatile bool _isClosing;

    /// <summary>Opens the job on shards and gives the values of version 0 to those that wait for them.</summary>
    /// <param name="initial">Gives the flat model vector of version 0.</param>
    public async Task OpenAsync(IReadOnlyList<IShardWork> some, Func<Task<float[]>> initial, CancellationToken cancellation)
    {
        bool[] waiting = await ShardCalls.AllAsync(some, (shard, stop) => shard.OpenAsync(job.Descriptor, stop), cancellation);
        if (!waiting.Contains(true))
            return;
        if (job.Descriptor.ResumeStep is { } step)
            throw new InvalidOperationException($"Job {job.Descriptor.JobId} resumes from the checkpoint of step {step}, but a shard asks for initial values: its part of the checkpoint is missing in {job.Descriptor.CheckpointDirectory}.");
        float[] values = await initial();
        await ShardCalls.AllAsync(some.Where((_, index) => waiting[index]), (shard, stop) => InitializeAsync(shard, values, stop), cancellation);
    }

    /// <summary>Serves all streams until called off. Never throws: what cannot be mended goes into the mailbox.</summary>
    public Task RunAsync(CancellationToken cancellation)
    {
        for (int shard = 0; shard < _kept.Length; shard++)
        {
            IShardWork work = shards[shard];
            _kept[shard] = Task.Run(() => KeepAsync(work, cancellation), CancellationToken.None);
        }

        return Task.WhenAll(_kept);
    }

    /// <summary>Nothing more is to be said: lets what was reach the shards, and waits until these streams have ended.</summary>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        _isClosing = true;
        var ending = new List<Task>();
        for (int shard = 0; shard < _open.Length; shard++)
        {
            if (Volatile.Read(ref _open[shard]) is { } stream)
            {
                stream.Complete();
                ending.Add(_kept[shard]);
            }
        }

        await Task.WhenAny(Task.WhenAll(ending), Task.Delay(Farewell, time, cancellation));
    }

    public IReadOnlyCollection<Cursor> Held(int shard) => stage.Held(shard);

    public void Opened(int shard, IStepStream stream)
    {
        _wasOpen[shard] = true;
        Volatile.Write(ref _open[shard], stream);
        mailbox.Post(new StepEvent.Opened(shard, stream));
    }

    public Memory<float>? Stage(int shard, Cursor version) => stage.Room(shard, version);

    public void Offered(int shard, OfferedVersion version)
    {
        if (_newest[shard] is not { } newest || version.Cursor > newest)
        {
            _newest[shard] = version.Cursor;
            _hasNew[shard] = true;
        }

        stage.Offered(shard, version);
        mailbox.Post(new StepEvent.Offered(shard, version));
    }

    public void Received(int shard, ShardMessage message) => mailbox.Post(new StepEvent.Received(shard, message));

    public void Ended(int shard)
    {
        Volatile.Write(ref _open[shard], null);
        mailbox.Post(new StepEvent.Ended(shard));
    }

    /// <summary>Whether a call failed because the job is no longer, or not yet again, at the shard as it was.</summary>
    private static bool IsLoss(ProtocolException exception) => exception.Error is ProtocolError.UnknownJob or ProtocolError.Superseded;

    private async Task KeepAsync(IShardWork shard, CancellationToken cancellation)
    {
        TimeSpan pause = First;
        while (!_isClosing)
        {
            try
            {
                await KeepOnceAsync(shard, cancellation);
                continue;
            }
            catch (ProtocolException exception) when (IsLoss(exception))
            {
                if (_wasOpen[shard.Shard])
                {
                    _wasOpen[shard.Shard] = false;
                    logger.ShardLost(job.Descriptor.JobId, shard.Shard, exception.Message);
                    if (_hasNew[shard.Shard])
                    {
                        // It may be back in another generation already. Where nothing came of that, such as of another process under this worker's id, there is a pause.
                        _hasNew[shard.Shard] = false;
                        pause = First;
                        continue;
                    }
                }
            }
            catch (Exception exception)
            {
                if (!cancellation.IsCancellationRequested && !_isClosing)
                    mailbox.Post(new StepEvent.Failed(exception));
                return;
            }

            await Task.Delay(pause, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause < Longest ? pause * 2 : pause;
        }
    }

    private async Task KeepOnceAsync(IShardWork shard, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            await shard.WorkAsync(job.Descriptor.JobId, workerId, this, cancellation);
        }
        catch (ProtocolException exception) when (exception.Error == ProtocolError.NeedsValues)
        {
            logger.ShardNeedsValues(job.Descriptor.JobId, shard.Shard);
            await OpenAsync([shard], AskInitialAsync, cancellation);
        }

        async Task<float[]> AskInitialAsync()
        {
            var values = new TaskCompletionSource<float[]>(TaskCreationOptions.RunContinuationsAsynchronously);
            mailbox.Post(new StepEvent.InitialWanted(values));
            return await values.Task.WaitAsync(cancellation);
        }
    }

    private async Task InitializeAsync(IShardWork shard, float[] initial, CancellationToken cancellation)
    {
        try
        {
            await shard.InitializeAsync(job.Descriptor.JobId, job.Layout.Gather(shard.Shard, initial), cancellation);
        }
        catch (ProtocolException exception) when (IsLoss(exception))
        {
            // It died once more; its stream tells.
        }
    }
}
