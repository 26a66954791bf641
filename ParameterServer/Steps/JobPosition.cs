namespace Lockstep.ParameterServer.Steps;

/// <summary>Where a job is, as its coordinator knows it. Changed and read under the coordinator's lock.</summary>
internal sealed class JobPosition
{
    public int Generation { get; set; }

    /// <value>The newest version that all shards announced.</value>
    public long Newest { get; set; }
}
