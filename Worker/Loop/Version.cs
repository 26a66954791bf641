using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

/// <summary>One version as all shards gave it.</summary>
/// <param name="Finished">No step follows.</param>
/// <param name="Hints">By shard: the exponent that each block of the shard's chunks is expected to fit.</param>
/// <param name="SyncMs">Sync latency: last contribution to the step before in → this version held, milliseconds; 0: not known.</param>
public sealed record Version(Cursor Cursor, bool Finished, IReadOnlyList<short[]> Hints, double SyncMs);
