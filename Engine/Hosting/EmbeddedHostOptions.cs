namespace Lockstep.Engine.Hosting;

/// <summary>What the embedded engine is kept up with.</summary>
public sealed record EmbeddedHostOptions
{
    /// <value>Port of the scheduler's HTTP API.</value>
    public required int Port { get; init; }
    /// <value>Parameter servers.</value>
    public required int Shards { get; init; }
    /// <value>Workers that are kept when there is nothing to do.</value>
    public required int MinimumWorkers { get; init; }
    /// <value>The most workers that are started.</value>
    public required int MaximumWorkers { get; init; }
    /// <value>A worker program of the user's own; null: as the environment says, or the product's.</value>
    public string? Worker { get; init; }
    /// <value>A Redis that is there, as <see cref="Engine.Redis.RedisAddress.Find"/> takes it; null: that of the environment, or one that is started.</value>
    public string? Redis { get; init; }
    /// <value>Where telemetry goes over OTLP; null: nowhere.</value>
    public Uri? Otlp { get; init; }
    /// <value>How long the processes may take until all are ready, however they get on.</value>
    public TimeSpan StartLimit { get; init; } = Processes.StartLimit.Default;
    /// <value>Folder of runs and logs.</value>
    public required string Runs { get; init; }
    /// <value>Folders of data that submitted jobs may name, with the system's path separator between them.</value>
    public required string Data { get; init; }
    /// <value>Assembly that serves Redis when called with <c>redis-server --port N</c>.</value>
    public required string RedisServerAssembly { get; init; }
}
