using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>Real training loops on shards that die, and a scheduler that takes the job up again.</summary>
internal sealed class RecoveringRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new(Swarm.Patience);
    private readonly List<Member> _members = [];
    private readonly StubJob _stub;
    private Exception? _failure;
    private int _generation;

    public RecoveringRun(StubJob stub, int shards, string checkpoints, Action<int, string, string>? before = null)
    {
        _stub = stub;
        Job = stub.For(shards, checkpoints);
        Cluster = new MortalCluster(shards, before);
    }

    public MortalCluster Cluster { get; }

    public TrainingPlan Job { get; }

    public CancellationToken End => _end.Token;

    /// <value>What ps-0 told, by number.</value>
    public List<StepReport> Reports { get; } = [];

    public Member Hire(string name, Func<StubTrainer>? trainer = null)
    {
        var member = new Member(name, Job, Cluster.Clients, () => trainer?.Invoke() ?? new StubTrainer(_stub), TimeProvider.System, End, Fail);
        _members.Add(member);
        return member.Start();
    }

    /// <summary>Lets shards die, once.</summary>
    /// <param name="victims">Their digits.</param>
    /// <param name="whenDurable">The moment lasts until this set or a later one is whole; null: nobody waits.</param>
    /// <returns>Done when they are dead.</returns>
    public Task Kill(string victims, Func<Moment, Cursor, bool> when, long? whenDurable = null)
    {
        var dead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int fired = 0;
        Cluster.Happened = (moment, _, cursor) =>
        {
            if (when(moment, cursor) && Interlocked.Exchange(ref fired, 1) == 0)
            {
                Assert.True(whenDurable is not { } version || SpinWait.SpinUntil(() => CheckpointSet.List(Job.Descriptor.CheckpointDirectory).Any(whole => whole >= version), Swarm.Patience), "The set is not whole.");
                foreach (char victim in victims)
                {
                    Cluster.Kill(victim - '0');
                }

                dead.SetResult();
            }
        };
        return dead.Task;
    }

    public void Start(string victims)
    {
        foreach (char victim in victims)
        {
            Cluster.Start(victim - '0');
        }
    }

    /// <summary>What the scheduler does: finds the newest set, and takes the job up from it on all shards.</summary>
    public async Task<RestoredJob> RecoverAsync()
    {
        RestoredJob restored = await ShardRecovery.RunAsync(Cluster.Clients, Job.Descriptor, term: 1, _generation, End);
        _generation = restored.Generation;
        return restored;
    }

    /// <summary>Follows the job to its end by its report numbers, whichever process tells them.</summary>
    public async Task FollowAsync()
    {
        while (Reports.Count == 0 || !Reports[^1].Finished)
        {
            try
            {
                await foreach (StepReport report in Cluster.Clients[0].WatchAsync(StubJob.Id, Reports.Count, End))
                {
                    Reports.Add(report);
                }
            }
            catch (ProtocolException exception) when (exception.Error == ProtocolError.UnknownJob)
            {
                // Not opened yet, or not taken up again.
                await Task.Delay(1, End);
            }
            catch (OperationCanceledException) when (_failure is not null)
            {
                throw new InvalidOperationException(_failure.Message, _failure);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException($"After {Reports.Count} reports the run hangs: {Cluster.Describe(StubJob.Id)}", exception);
            }
        }
    }

    /// <summary>The ledger without repetitions. A repeated step gave its line again, and no evaluation was done twice.</summary>
    public IReadOnlyList<string> Ledger()
    {
        var lines = new List<string>();
        foreach (IGrouping<(long, bool), StepReport> step in Reports.GroupBy(r => (r.Cursor.Step, r.Cursor.Attempt == Cursor.Evaluation)))
        {
            IReadOnlyList<string> told = [.. Harness.Ledger.Of(step).Distinct()];
            Assert.True(told.Count == 1, $"Step {step.Key}: {string.Join(" and ", told)}");
            Assert.True(!step.Key.Item2 || step.Count() == 1, $"Version {step.Key} was evaluated {step.Count()} times.");
            Assert.All(step, r => Assert.Equal("", r.FirstLedger));
            lines.Add(told[0]);
        }

        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        foreach (Member member in _members)
        {
            await member.DisposeAsync();
        }

        await Cluster.DisposeAsync();
        _end.Dispose();
    }

    private void Fail(Exception exception)
    {
        _failure ??= exception;
        TestContext.Current.TestOutputHelper?.WriteLine(exception.ToString());
        _end.Cancel();
    }
}
