using System.Buffers;

namespace Lockstep.Core.Codec;

/// <summary>Takes the sums of escapes one after the other.</summary>
/// <param name="scratch">As long as a block; holds a sum that lies in several pieces.</param>
internal ref struct EscapeReader(ReadOnlySequence<int> escapes, Span<int> scratch)
{
    private readonly Span<int> _scratch = scratch;
    private ReadOnlySequence<int> _rest = escapes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <param name="sum">Valid until the next call.</param>
    public bool TryRead(int length, out ReadOnlySpan<int> sum)
    {
        if (_rest.Length < length)
        {
            sum = default;
            return false;
        }

        ReadOnlySequence<int> part = _rest.Slice(0, length);
        if (part.IsSingleSegment)
        {
            sum = part.FirstSpan;
        }
        else
        {
            part.CopyTo(_scratch);
            sum = _scratch[..length];
        }

        _rest = _rest.Slice(part.End);
        return true;
    }
}
