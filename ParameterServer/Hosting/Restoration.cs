namespace Lockstep.ParameterServer.Hosting;

/// <summary>How a generation of a job began that was taken up again.</summary>
/// <param name="Term">The highest that asked for it.</param>
/// <param name="Version">Null: from the start.</param>
internal sealed record Restoration(long Term, int Generation, long? Version);

/// <summary>The job goes on in another <see cref="JobGeneration"/>.</summary>
internal sealed class SupersededException : Exception;
