using System.Diagnostics;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Telemetry;
using Microsoft.Extensions.Configuration;

namespace Lockstep.ServiceDefaults.Tests;

/// <summary>The sources here have names that no service of other tests listens to.</summary>
public sealed class StepTraceTests
{
    [Fact]
    public void Every_process_derives_the_same_trace_id()
    {
        // What other languages or later builds would have to compute: SHA-256("job|300"), first 16 bytes.
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("job|300"u8)[..16]), StepTrace.IdOf("job", 300).ToHexString());
        Assert.NotEqual(StepTrace.IdOf("job", 300), StepTrace.IdOf("job", 301));
        Assert.NotEqual(StepTrace.IdOf("job", 300), StepTrace.IdOf("job2", 300));
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(1, 7, true)]
    [InlineData(100, 0, true)]
    [InlineData(100, 99, false)]
    [InlineData(100, 200, true)]
    [InlineData(0, 0, false)]
    public void Every_nth_step_is_traced(int every, long step, bool traced) => Assert.Equal(traced, new StepTrace(every).Includes(step));

    [Fact]
    public void The_first_span_of_a_process_is_a_root_of_the_steps_trace()
    {
        using var source = new ActivitySource("Test.Roots");
        using ActivityListener listener = ListenTo(source);
        using var other = new Activity("something else").Start();

        using Activity? step = new StepTrace(10).Begin(source, "step", "job", 20);

        Assert.NotNull(step);
        Assert.Equal(StepTrace.IdOf("job", 20), step.TraceId);
        Assert.Equal(default, step.ParentSpanId);
        Assert.True(step.Recorded);
        Assert.Equal("job", step.GetTagItem(SpanNames.Job));
        Assert.Equal(20L, step.GetTagItem(SpanNames.Step));
    }

    [Fact]
    public void Nothing_is_made_where_nobody_listens_or_the_step_is_not_traced()
    {
        using var source = new ActivitySource("Test.Silent");
        Assert.Null(new StepTrace(1).Begin(source, "step", "job", 0));
        using ActivityListener listener = ListenTo(source);
        Assert.Null(new StepTrace(2).Begin(source, "step", "job", 1));
        Assert.Null(StepTrace.Off.Begin(source, "step", "job", 0));
    }

    [Theory]
    [InlineData("often")]
    [InlineData("-1")]
    [InlineData("1.5")]
    public void A_number_that_is_none_is_refused_with_a_remedy(string text)
    {
        var exception = Assert.Throws<InputException>(() => StepTrace.From(Settings(text)));
        Assert.Contains(EnvironmentNames.TraceEvery, exception.Message, StringComparison.Ordinal);
        Assert.Contains(text, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_hundredth_step_is_traced_unless_the_environment_says_otherwise()
    {
        Assert.True(StepTrace.From(Settings(null)).Includes(100));
        Assert.False(StepTrace.From(Settings(null)).Includes(50));
        Assert.True(StepTrace.From(Settings("50")).Includes(50));
    }

    private static IConfiguration Settings(string? every) => new ConfigurationBuilder().AddInMemoryCollection([new(EnvironmentNames.TraceEvery, every)]).Build();

    private static ActivityListener ListenTo(ActivitySource source)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = s => ReferenceEquals(s, source),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
