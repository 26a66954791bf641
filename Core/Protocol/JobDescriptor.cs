using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Protocol;

/// <summary>All that a parameter server must know of a job. Every worker derives it from the job alone, so all send the same; a shard refuses another.</summary>
public sealed record JobDescriptor
{
    public required string JobId { get; init; }
    /// <value>In model order; the flat model vector is their concatenation.</value>
    public required IReadOnlyList<TensorSpec> Tensors { get; init; }
    public required int Shards { get; init; }
    /// <value>M, the slots of a step.</value>
    public required int Slots { get; init; }
    public required OptimizerSpec Optimizer { get; init; }
    public required ScheduleSpec Schedule { get; init; }
    public required long TotalSteps { get; init; }
    public required long StepsPerEpoch { get; init; }
    public required ulong Seed { get; init; }
    /// <value>Bits of what a slot contributes: 16 or 32; see <see cref="Codec.ContributionFormat"/>.</value>
    public int Contribution { get; init; } = 32;
    /// <value>What workers compute with of a version; see <see cref="PullRounding"/>.</value>
    public PullFormat Pull { get; init; } = PullFormat.Float32;
    /// <value>0: a checkpoint only at the end.</value>
    public long CheckpointEvery { get; init; }
    public int CheckpointKeep { get; init; } = 3;
    /// <value>Folder that all shards share.</value>
    public required string CheckpointDirectory { get; init; }
    /// <value>Checkpoint to start from; null: from the initial values.</value>
    public long? ResumeStep { get; init; }
    /// <value>The checkpoint of <see cref="ResumeStep"/> may be of another determinism class: somebody accepted that.</value>
    public bool AcceptsClass { get; init; }
    /// <value>The checkpoint of <see cref="ResumeStep"/> may be of another identity of code: somebody accepted that.</value>
    public bool AcceptsCode { get; init; }
    /// <value>Leased slots of one evaluation; 0: the job has no validation data. Evaluated at the end of each epoch and of the job.</value>
    public int EvaluationSlots { get; init; }
    /// <value>Which evaluated version is kept as the model; null: the last one is.</value>
    public BestPlan? Best { get; init; }
    /// <value>By class, for what evaluations tell; empty where labels are numbers.</value>
    public IReadOnlyList<string> ClassNames { get; init; } = [];
    /// <value>Numbers of the label that metrics take; 1 where there is none.</value>
    public int LabelColumns { get; init; } = 1;
    /// <value>The first worker's class; another is refused.</value>
    public required string DeterminismClass { get; init; }
    /// <value>Hash of the job and of its data.</value>
    public required string JobHash { get; init; }
    /// <value>Goes into the model file: normalisation, classes, the job.</value>
    public IReadOnlyDictionary<string, string> ModelMetadata { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Whether version <paramref name="version"/> (0 … TotalSteps) is evaluated.</summary>
    public bool EvaluatesAt(long version) =>
        EvaluationSlots > 0 && version > 0 && (version == TotalSteps || version % StepsPerEpoch == 0);

    /// <summary>Whether a checkpoint is cut at version <paramref name="version"/>.</summary>
    public bool CheckpointsAt(long version) =>
        version > 0 && (MustKeep(version) || (CheckpointEvery > 0 && version % CheckpointEvery == 0));

    /// <summary>Whether the job cannot do without the checkpoint of a version: it may be what is kept as the model.</summary>
    public bool MustKeep(long version) => version == TotalSteps || (Best is not null && EvaluatesAt(version));

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static JobDescriptor FromJson(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<JobDescriptor>(json) ?? throw new JsonException("The job descriptor is null.");

    /// <summary>Hexadecimal SHA-256 of <see cref="ToJson"/>.</summary>
    public string Fingerprint() => Convert.ToHexStringLower(SHA256.HashData(ToJson()));
}
