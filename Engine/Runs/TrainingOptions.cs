using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Runs;

/// <summary>A run of one job with a fleet of its own on this machine.</summary>
public sealed record TrainingOptions
{
    public required JobSpec Job { get; init; }
    /// <value>Folder of the run; made where it is missing.</value>
    public required string Output { get; init; }
    /// <value>At least 1.</value>
    public required int Workers { get; init; }
    /// <value>Connection to a Redis that is there; null: one is started.</value>
    public string? Redis { get; init; }
    /// <value>Where telemetry goes over OTLP; null: where the environment says, if it does.</value>
    public Uri? Otlp { get; init; }
    /// <value>Go on from the folder's newest checkpoint.</value>
    public bool Resume { get; init; }
    /// <value>Go on in whatever determinism class, and set aside what the ledger has beyond the checkpoint where it is another.</value>
    public bool AcceptClass { get; init; }
    /// <value>The same by whatever code of models and data sources.</value>
    public bool AcceptCode { get; init; }
    /// <value>How long the processes may take until all are ready, however they get on.</value>
    public TimeSpan StartLimit { get; init; } = Processes.StartLimit.Default;
    /// <value>Looks the job through when its folder is ready, before a process of the fleet is started, and says how far it is; gives notes for who watches, and throws for what cannot be trained. Null: the workers find out.</value>
    public Func<RunFolder, Action<string>, CancellationToken, Task<IReadOnlyList<string>>>? Check { get; init; }
    public required ServiceLocator Services { get; init; }
    /// <value>Assembly that serves Redis when called with <c>redis-server --port N</c>.</value>
    public required string RedisServerAssembly { get; init; }
    /// <value>More environment for every process.</value>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
    /// <value>What goes on with the fleet beside the job; cancelled when the job is over. Null: nothing.</value>
    public Func<LocalFleet, CancellationToken, Task>? Beside { get; init; }
}
