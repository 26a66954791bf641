using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>The digest of the ledger's lines up to a version that grows, for the checkpoint of that version. Callers serialise the calls.</summary>
/// <param name="lineOf">The ledger's line of a step; null: it is not known.</param>
internal sealed class RunningDigest(JobDescriptor descriptor, Func<long, string?> lineOf)
{
    // Null: read from the set that the job was taken up at, or not known.
    private LedgerDigest? _digest;
    private long _at;
    private bool _isRead;

    /// <summary>The job was taken up at a version.</summary>
    public void Begin(long version) => (_digest, _at, _isRead) = (null, version, false);

    /// <returns>Null: some line up to the version is not known here.</returns>
    public string? At(long version)
    {
        if (!_isRead)
        {
            _isRead = true;
            _digest = _at == 0 ? new LedgerDigest() : CheckpointSet.LedgerOf(descriptor.CheckpointDirectory, _at) is { } known ? new LedgerDigest(known) : null;
        }

        for (; _digest is not null && _at < version; _at++)
        {
            if (lineOf(_at) is not { Length: > 0 } line)
            {
                _digest = null;
                return null;
            }

            _digest.Add(line);
        }

        return _at == version ? _digest?.ToString() : null;
    }
}
