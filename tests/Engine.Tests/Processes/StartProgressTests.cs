using Lockstep.Engine.Processes;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Engine.Tests.Processes;

/// <summary>A start is waited for as long as something gets on.</summary>
public sealed class StartProgressTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly StartProgress _progress;

    public StartProgressTests() => _progress = new StartProgress(Limit, _time);

    [Fact]
    public void Processes_that_do_nothing_are_given_up_after_a_standstill()
    {
        TimeSpan at = GivenUpAfter(_ => Readiness.NoAnswer, _ => TimeSpan.FromSeconds(1));

        Assert.InRange(at, StartProgress.Standstill, StartProgress.Standstill + (2 * Pause));
    }

    [Fact]
    public void To_be_asked_all_the_time_is_no_work()
    {
        TimeSpan at = GivenUpAfter(_ => "it answers 503: not yet", elapsed => elapsed * 0.003);

        Assert.InRange(at, StartProgress.Standstill, StartProgress.Standstill + (2 * Pause));
    }

    [Fact]
    public void A_process_that_has_hardly_any_time_is_waited_for_to_the_limit()
    {
        TimeSpan at = GivenUpAfter(_ => Readiness.NoAnswer, elapsed => elapsed * 0.01);

        Assert.InRange(at, Limit, Limit + (2 * Pause));
    }

    [Fact]
    public void An_answer_that_changes_is_a_move()
    {
        TimeSpan at = GivenUpAfter(elapsed => elapsed < TimeSpan.FromMinutes(3) ? $"it answers 503: {(int)(elapsed / TimeSpan.FromSeconds(50))}" : "it answers 503", _ => TimeSpan.Zero);

        Assert.InRange(at, TimeSpan.FromMinutes(3) + StartProgress.Standstill, TimeSpan.FromMinutes(3) + StartProgress.Standstill + (2 * Pause));
    }

    [Fact]
    public void One_that_waits_for_another_is_not_given_up_while_that_gets_on()
    {
        Assert.Null(_progress.Look("waits", "it answers 503: no Redis", null));
        for (int second = 0; second < 300; second += 5)
        {
            _time.Advance(Pause);
            Assert.Null(_progress.Look("works", Readiness.NoAnswer, TimeSpan.FromSeconds(second)));
            Assert.Null(_progress.Look("waits", "it answers 503: no Redis", null));
        }

        _progress.Done("works");
        _time.Advance(StartProgress.Standstill + Pause);
        Assert.Contains("nothing got on", _progress.Look("waits", "it answers 503: no Redis", null), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_waited_for_is_told_now_and_then()
    {
        _progress.Look("b", Readiness.NoAnswer, TimeSpan.FromSeconds(1.5));
        _progress.Look("a", "it answers 503", null);
        Assert.Null(_progress.Tell());
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("after 20 s these are not ready yet: a (it answers 503; 0.0 s of the processor so far); b (it does not answer; 1.5 s of the processor so far)", _progress.Tell());
        Assert.Null(_progress.Tell());
    }

    private TimeSpan GivenUpAfter(Func<TimeSpan, string> answer, Func<TimeSpan, TimeSpan> work)
    {
        while (_progress.Elapsed < TimeSpan.FromHours(1))
        {
            if (_progress.Look("worker-0", answer(_progress.Elapsed), work(_progress.Elapsed)) is { } why)
            {
                Assert.NotEmpty(why);
                return _progress.Elapsed;
            }

            _time.Advance(Pause);
        }

        return TimeSpan.MaxValue;
    }
}
