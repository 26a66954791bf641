using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Tests.Hosting;

/// <summary>Parameter servers in one process, and a worker that brings them stub gradients.</summary>
internal sealed class HostedCluster : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <param name="toFirst">Between the other shards and shard 0.</param>
    /// <param name="gate">Of shard 0.</param>
    /// <param name="threads">Of an update.</param>
    public HostedCluster(int shards, long memoryLimit = long.MaxValue, Func<IShardPeer, IShardPeer>? toFirst = null, IStepGate? gate = null, int threads = 1)
    {
        Hosts = new ShardHost[shards];
        for (int shard = 0; shard < shards; shard++)
        {
            Hosts[shard] = new ShardHost(shard, shard == 0 ? null : toFirst?.Invoke(Hosts[0]) ?? Hosts[0], memoryLimit, TimeProvider.System, new SilentShardObserver(), threads: threads, gate: shard == 0 ? gate : null);
        }
    }

    public ShardHost[] Hosts { get; }

    /// <summary>Waits until nothing writes any more.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (ShardHost host in Hosts.Reverse())
        {
            await host.DisposeAsync();
        }
    }

    /// <summary>Opens a job on all shards, and gives it its initial values where they are waited for.</summary>
    public async Task OpenAsync(JobDescriptor job)
    {
        var layout = new ModelLayout(job.Tensors, job.Shards);
        foreach (ShardHost host in Hosts)
        {
            if (await host.OpenAsync(job, default))
            {
                int shard = Array.IndexOf(Hosts, host);
                await host.InitializeAsync(job.JobId, layout.Gather(shard, StubGradients.Initial(job)), default);
            }
        }
    }

    /// <summary>Waits until all shards are past a cursor.</summary>
    /// <returns>Where they are, the model there, and their hints.</returns>
    public async Task<(Cursor Cursor, bool Finished, float[] Values, short[][] Hints)> PullAsync(JobDescriptor job, Cursor? after)
    {
        var layout = new ModelLayout(job.Tensors, job.Shards);
        var values = new float[layout.Elements];
        var hints = new short[job.Shards][];
        var (cursor, finished) = (default(Cursor), false);
        for (int shard = 0; shard < job.Shards; shard++)
        {
            using var stream = new StubStream(Hosts[shard], job.JobId, "reader");
            PulledVersion version = await stream.TurnAsync(after);
            Assert.True(shard == 0 || version.Cursor == cursor, $"Shard {shard} is at {version.Cursor}, shard 0 at {cursor}.");
            (cursor, finished) = (version.Cursor, version.Finished);
            layout.Scatter(shard, version.Values!.Value.Span, values);
            hints[shard] = version.Hints.ToArray();
        }

        return (cursor, finished, values, hints);
    }

    /// <summary>Pushes each group of slots as one contribution.</summary>
    public void Push(JobDescriptor job, Cursor cursor, float[] values, short[][] hints, params IEnumerable<int>[] groups)
    {
        var layout = new ModelLayout(job.Tensors, job.Shards);
        var gradient = new float[layout.Elements];
        foreach (int[] slots in groups.Select(g => g.ToArray()))
        {
            var group = new GroupBuilder(job, layout);
            group.Begin(cursor, hints);
            foreach (int slot in slots)
            {
                StubGradients.Fill(gradient, values, cursor.Step, slot);
                if (!group.Add(slot, 2 + slot, slot + 0.5, gradient))
                {
                    Push(group.NotFinite($"w{slots[0]}", slot, 2 + slot, slot + 0.5));
                }
            }

            Push(group.Build($"w{slots[0]}"));
        }
    }

    private void Push(IReadOnlyList<Contribution> parts)
    {
        for (int shard = 0; shard < parts.Count && parts[shard].Reports.Count > 0; shard++)
        {
            using var stream = new StubStream(Hosts[shard], parts[shard].JobId, parts[shard].WorkerId);
            stream.Push(parts[shard]);
        }
    }

    /// <summary>Trains to the end, or to a step.</summary>
    /// <returns>The model there.</returns>
    public async Task<float[]> TrainAsync(JobDescriptor job, long until = long.MaxValue)
    {
        Cursor? after = null;
        while (true)
        {
            var (cursor, finished, values, hints) = await PullAsync(job, after);
            if (finished || cursor.Step >= until)
            {
                return values;
            }

            // Two groups, as of two workers.
            Push(job, cursor, values, hints, Enumerable.Range(0, job.Slots).Where(s => s % 2 == 0), Enumerable.Range(0, job.Slots).Where(s => s % 2 == 1));
            after = cursor;
        }
    }

    /// <summary>All reports of a job that ends.</summary>
    public async Task<IReadOnlyList<StepReport>> ReportsAsync(JobDescriptor job, long from = 0)
    {
        using var timeout = new CancellationTokenSource(Patience);
        return await Hosts[0].WatchAsync(job.JobId, from, timeout.Token).ToListAsync(timeout.Token);
    }
}
