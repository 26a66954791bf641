using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

/// <summary>One version as all shards gave it.</summary>
/// <param name="Measures">The attempt only measures magnitudes.</param>
/// <param name="Finished">No step follows.</param>
/// <param name="Ranges">By shard: one a block of the shard's chunks.</param>
/// <param name="SyncMs">Sync latency: last contribution to the step before in → this version held, milliseconds; 0: not known.</param>
public sealed record Version(Cursor Cursor, bool Measures, bool Finished, IReadOnlyList<short[]> Ranges, double SyncMs);
