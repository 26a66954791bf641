using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests.Runs;

/// <summary>The first steps of the digits sample, as several tests look at them; each run is made once.</summary>
public sealed class DigitsRuns : IDisposable
{
    public const int Steps = 100;
    public const int CheckpointEvery = 10;

    private readonly TestFolder _folder = new();
    private readonly Lazy<Task<FinishedRun>> _alone;
    private readonly Lazy<Task<FinishedRun>> _together;

    public DigitsRuns()
    {
        _alone = new(() => TrainAsync("alone", "--workers", "1", "--shards", "1", "--transport", "grpc"));
        _together = new(() => TrainAsync("together", "--workers", "3", "--shards", "2", "--set", "workers.min=3", "--transport", "shared", "--json"));
    }

    /// <value>Overrides that all of these runs have alike.</value>
    public static IReadOnlyList<string> Settings { get; } = ["--set", "epochs=", "--set", $"steps={Steps}", "--set", $"checkpoint.every={CheckpointEvery}"];

    /// <summary>One worker, one shard, streams over gRPC.</summary>
    internal Task<FinishedRun> AloneAsync() => _alone.Value;

    /// <summary>Three workers, two shards, streams over shared memory, <c>--json</c>.</summary>
    internal Task<FinishedRun> TogetherAsync() => _together.Value;

    public void Dispose() => _folder.Dispose();

    private Task<FinishedRun> TrainAsync(string name, params string[] arguments) => FinishedRun.TrainAsync(Built.Sample("digits"), _folder.In(name), [.. Settings, .. arguments]);
}
