using Lockstep.Contracts.Jobs;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Loop;

/// <summary>Versions as they come, and what becomes of them where the job wants them rounded.</summary>
public sealed class VersionStageTests
{
    private static readonly TrainingPlan Job = (new StubJob() with { Pull = PullFormat.BFloat16, Contribution = 16, Buffers = true }).For(1, "none");
    private static readonly Cursor Version = new(0, 3, 0);

    private readonly VersionStage _stage = new(Job, new FakeTimeProvider());
    private readonly float[] _values = [.. Enumerable.Range(0, Job.Layout.Elements).Select(i => MathF.Sin(i))];

    private float[] Expected
    {
        get
        {
            float[] expected = new float[_values.Length];
            PullRounding.OfShard(Job.Descriptor, Job.Layout, 0).Apply(_values, expected);
            return expected;
        }
    }

    [Fact]
    public void What_was_staged_as_the_shard_keeps_it_is_rounded()
    {
        _values.CopyTo(_stage.Room(0, Version)!.Value);
        _stage.Offered(0, Offered());

        Assert.Equal(Expected, _stage.Take(Version).Values[0].ToArray());
    }

    [Fact]
    public void What_came_rounded_is_left_alone()
    {
        _values.CopyTo(_stage.Room(0, Version)!.Value);
        _stage.Offered(0, Offered() with { IsRounded = true });

        Assert.Equal(_values, _stage.Take(Version).Values[0].ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_lies_in_the_shards_memory_is_rounded_as_it_is_read_and_may_be_overwritten_after_that(bool isWhole)
    {
        bool still = isWhole;
        _stage.Offered(0, Offered() with { Placed = new PlacedValues(_values, () => still) });
        float[] expected = Expected;
        still = !still;
        _values.AsSpan().Clear();
        WholeVersion taken = _stage.Take(Version);

        Assert.Equal(expected, taken.Values[0].ToArray());
        Assert.Equal(isWhole, taken.IsWhole);
    }

    [Theory]
    [InlineData(32, PullFormat.BFloat16)]
    [InlineData(16, PullFormat.Float32)]
    public void A_shard_that_takes_the_job_for_another_is_refused(int contribution, PullFormat pull)
    {
        ProtocolException exception = Assert.Throws<ProtocolException>(() => _stage.Offered(0, Offered() with { Format = new JobFormats(contribution, pull) }));

        Assert.Equal(ProtocolError.Invalid, exception.Error);
        Assert.Contains($"shard 0 takes it for {contribution} bits and {pull}", exception.Message, StringComparison.Ordinal);
        Assert.Contains("of the same build", exception.Message, StringComparison.Ordinal);
    }

    private static OfferedVersion Offered() => new(Version, false, [], -1, 0, 0, default) { Format = new JobFormats(16, PullFormat.BFloat16) };
}
