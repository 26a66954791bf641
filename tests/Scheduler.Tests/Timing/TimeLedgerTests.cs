using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Timing;

/// <summary>The account of a job's wall time; a step usually takes 100 ms.</summary>
public sealed class TimeLedgerTests
{
    private readonly FakeTimeProvider _time = new();
    private TimeLedger _ledger;

    public TimeLedgerTests() => _ledger = new TimeLedger(JobState.Queued, _time);

    [Fact]
    public void Time_until_the_first_step_is_starting_and_after_the_last_ending()
    {
        Pass(700);
        _ledger.Changed(JobState.Running);
        Pass(200);
        Steps(4);
        Pass(50);

        AssertAccount((TimeUse.Starting, 1000), (TimeUse.Training, 300), (TimeUse.Ending, 50));
    }

    [Fact]
    public void A_job_that_never_began_was_starting()
    {
        Pass(1234);

        AssertAccount((TimeUse.Starting, 1234));
    }

    [Fact]
    public void Evaluations_and_checkpoints_have_their_own_part()
    {
        Begin(30);
        Step(100, blocked: 30);
        Pass(400);
        _ledger.Reported(TimeUse.Evaluating, 2, TimeSpan.Zero);
        Pass(100);
        _ledger.Reported(TimeUse.Repeating, 2, TimeSpan.Zero);

        AssertAccount((TimeUse.Training, 3000 + 70), (TimeUse.Checkpointing, 30), (TimeUse.Repeating, 100), (TimeUse.Evaluating, 400));
    }

    [Fact]
    public void What_a_step_takes_beyond_the_usual_when_a_worker_is_lost_is_stalled()
    {
        Begin(30);
        Pass(60);
        _ledger.WorkerLost();
        Step(120, workers: 1);
        // With one worker two hundred are usual.
        Step(200, workers: 1);
        Step(200, workers: 1);

        AssertAccount((TimeUse.Training, 3000 + 100 + 400), (TimeUse.Stalled, 80));
    }

    [Theory]
    [InlineData(200, 0)]
    [InlineData(210, 110)]
    [InlineData(30_000, 29_900)]
    public void Only_beyond_twice_the_usual_a_step_is_stalled_for_no_known_reason(int took, int stalled)
    {
        Begin(30);
        Step(took);
        Step(100);

        AssertAccount((TimeUse.Training, 3100 + took - stalled), (TimeUse.Stalled, stalled));
    }

    [Theory]
    [InlineData(4, 200, 0)]
    [InlineData(4, 210, 110)]
    [InlineData(1, 400, 0)]
    [InlineData(1, 410, 210)]
    [InlineData(0, 210, 110)]
    public void A_standstill_just_after_the_number_of_workers_changed_is_stalled(int workers, int took, int stalled)
    {
        Begin(30);
        Step(took, workers);

        AssertAccount((TimeUse.Training, 3000 + took - stalled), (TimeUse.Stalled, stalled));
    }

    [Fact]
    public void Workers_that_come_and_go_all_the_time_do_not_hide_standstills()
    {
        Begin(30);
        for (int i = 0; i < 10; i++)
        {
            Step(5000, workers: 4);
            Step(100, workers: 4);
            Step(100);
        }

        AssertAccount((TimeUse.Training, 3000 + 3000), (TimeUse.Stalled, 10 * 4900));
    }

    [Fact]
    public void A_job_that_becomes_slower_for_good_is_not_stalled_for_ever()
    {
        Begin(30);
        for (int step = 0; step < 100; step++)
        {
            Step(500);
        }

        _ledger.Take();
        Steps(10, 500);
        Assert.Equal([TimeUse.Training], _ledger.Take().Times.Keys);
    }

    [Fact]
    public void Reports_that_were_held_up_show_that_training_went_on()
    {
        Begin(30);
        // Ten steps in a second of which nobody heard, and then live ones.
        Step(1000);
        Steps(9, 0);
        Steps(5);

        AssertAccount((TimeUse.Training, 3000 + 1000 + 500));
    }

    [Fact]
    public void Waiting_and_pausing_end_with_the_usual_step()
    {
        Begin(30);
        _ledger.Changed(JobState.Waiting);
        Pass(5000);
        _ledger.Changed(JobState.Running);
        // A new worker opens the job first.
        Step(900);
        _ledger.Changed(JobState.Paused);
        Pass(60_000);
        _ledger.Changed(JobState.Running);
        Step(100);

        AssertAccount((TimeUse.Training, 3000 + 100 + 100), (TimeUse.Waiting, 5000 + 800), (TimeUse.Paused, 60_000));
    }

    [Fact]
    public void A_lost_shard_costs_recovering_and_then_steps_done_again()
    {
        Begin(30);
        Pass(40);
        _ledger.ShardAway(1);
        Pass(2000);
        Assert.Equal([1], _ledger.ShardsAway);
        _ledger.ShardBack(1);
        Pass(150);
        _ledger.Reported(TimeUse.Repeating, 2, TimeSpan.Zero);
        Pass(100);
        _ledger.Reported(TimeUse.Repeating, 2, TimeSpan.Zero);
        Step(100);

        AssertAccount((TimeUse.Training, 3000 + 100), (TimeUse.Repeating, 200), (TimeUse.Recovering, 2000 + 90));
    }

    [Fact]
    public void Steps_that_come_while_a_shard_seems_to_be_away_count()
    {
        Begin(30);
        _ledger.ShardAway(0);
        Steps(30);
        Assert.Equal([TimeUse.Training], _ledger.Take().Times.Keys);
        Pass(1000);
        _ledger.ShardBack(0);
        Step(100);

        AssertAccount((TimeUse.Training, 6000 + 100), (TimeUse.Recovering, 1000));
    }

    [Fact]
    public void Of_the_time_without_a_scheduler_what_the_steps_took_is_training()
    {
        var before = new TimeTable();
        before.Add(TimeUse.Starting, TimeSpan.FromSeconds(3));
        before.Add(TimeUse.Training, TimeSpan.FromSeconds(2));
        DateTimeOffset recorded = _time.GetUtcNow();
        Pass(4000);
        _ledger = new TimeLedger(JobState.Running, _time);
        Learn(20);
        // No worker has joined this scheduler yet.
        _ledger.Changed(JobState.Waiting);
        Pass(1000);
        _ledger.Resume(before);
        _ledger.TakeOver(recorded, begun: true);
        Step(0, workers: 0);
        _ledger.Changed(JobState.Running);
        Step(700);
        Steps(28, 0);
        Steps(22);

        // What the scheduler before has told is not told again.
        Assert.Equal([(TimeUse.SchedulerAway, 2700), (TimeUse.Training, 5200)], Told());
        AssertAccount((TimeUse.Starting, 3000), (TimeUse.Training, 2000 + 3000 + 2200), (TimeUse.SchedulerAway, 2700));
        Assert.Equal(12_900, _ledger.Elapsed.TotalMilliseconds);
    }

    [Theory]
    [InlineData(JobState.Paused, TimeUse.Paused)]
    [InlineData(JobState.Waiting, TimeUse.Waiting)]
    public void A_job_that_was_halted_stays_so_without_a_scheduler(JobState state, TimeUse use)
    {
        DateTimeOffset recorded = _time.GetUtcNow();
        Pass(4000);
        _ledger = new TimeLedger(state, _time);
        Pass(500);
        _ledger.TakeOver(recorded, begun: true);

        AssertAccount((use, 4500));
    }

    [Fact]
    public void A_job_of_which_nothing_is_recorded_is_still_starting()
    {
        DateTimeOffset recorded = _time.GetUtcNow();
        Pass(4000);
        _ledger = new TimeLedger(JobState.Running, _time);
        _ledger.TakeOver(recorded, begun: false);
        Pass(400);
        Steps(2);

        AssertAccount((TimeUse.Starting, 4500), (TimeUse.Training, 100));
    }

    [Fact]
    public void Whatever_happens_the_parts_add_up_to_the_elapsed_time()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            _ledger = new TimeLedger(JobState.Queued, _time);
            var told = new TimeTable();
            for (int i = 0; i < 300; i++)
            {
                Pass(random.Next(20) == 0 ? random.Next(5000) : random.Next(120));
                switch (random.Next(1, 14))
                {
                    case 1: _ledger.Changed(JobState.Waiting); break;
                    case 2: _ledger.Changed(JobState.Paused); break;
                    case 3: _ledger.ShardAway(random.Next(2)); break;
                    case 4: _ledger.WorkerLost(); break;
                    case 5: told.Add(_ledger.Take()); break;
                    case 6: _ledger.ShardBack(random.Next(2)); break;
                    case 7 or 8: _ledger.Changed(JobState.Running); break;
                    default: _ledger.Reported((TimeUse)random.Next(1, 3), random.Next(1, 3), TimeSpan.FromMilliseconds(random.Next(20))); break;
                }

                Assert.All(_ledger.Account.Times, t => Assert.True(t.Value > TimeSpan.Zero, $"seed {seed}: {t}"));
            }

            _ledger.Close();
            told.Add(_ledger.Take());
            Assert.Equal(_ledger.Elapsed, _ledger.Account.Sum);
            Assert.Equal(_ledger.Account.Times.OrderBy(t => t.Key), told.Times.OrderBy(t => t.Key));
        }
    }

    private void Pass(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    private void Begin(int steps)
    {
        _ledger.Changed(JobState.Running);
        Steps(1, 0);
        Steps(steps);
    }

    private void Steps(int count, int took = 100)
    {
        for (int step = 0; step < count; step++)
        {
            Step(took);
        }
    }

    private void Step(int took, int workers = 2, int blocked = 0)
    {
        Pass(took);
        _ledger.Reported(TimeUse.Training, workers, TimeSpan.FromMilliseconds(blocked));
    }

    private void Learn(int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            _ledger.Learn(Records.Step(step + 1) with { Time = new Dictionary<string, double> { ["training"] = 0.1 } });
        }
    }

    private (TimeUse Use, int Milliseconds)[] Told() => [.. _ledger.Take().Times.Select(t => (t.Key, (int)Math.Round(t.Value.TotalMilliseconds))).OrderByDescending(t => t.Key)];

    private void AssertAccount(params (TimeUse Use, int Milliseconds)[] expected)
    {
        _ledger.Close();
        Assert.Equal(
            expected.Where(e => e.Milliseconds > 0).OrderBy(e => e.Use),
            _ledger.Account.Times.Select(t => (t.Key, (int)Math.Round(t.Value.TotalMilliseconds))).OrderBy(t => t.Key));
        Assert.Equal(_ledger.Elapsed, _ledger.Account.Sum);
    }
}
