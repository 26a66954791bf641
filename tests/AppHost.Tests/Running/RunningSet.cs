namespace Lockstep.AppHost.Tests;

/// <summary>Tests that start the whole application: one after the other, and nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunningSet
{
    public const string Name = "running application";
}
