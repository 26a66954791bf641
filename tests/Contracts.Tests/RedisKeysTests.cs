using Lockstep.Contracts.Services;

namespace Lockstep.Contracts.Tests;

/// <summary>Others than our services know these names: scalers of a platform, and a fleet of another version.</summary>
public sealed class RedisKeysTests
{
    [Fact]
    public void Names_stay()
    {
        Assert.Equal(
            "lockstep:term lockstep:leader lockstep:written lockstep:jobs lockstep:workers:wanted lockstep:workers:wanted:asked lockstep:workers:wanted:memory",
            string.Join(' ', new RedisKeys().All()));
        Assert.Equal("lockstep:blue:workers:wanted", new RedisKeys("blue").WantedWorkers);
        Assert.Equal("lockstep:{digits}:job", RedisKeys.Job("digits"));
    }
}
