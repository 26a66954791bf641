using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Codec;

/// <summary>
/// How many bits the integers of a job's contributions have. With 32, M slots share 31 bits (<see cref="BlockCodec.Bits"/>) and are rounded to nearest even.
/// With 16, a slot's block of gradients that fits its hint has |q| ≤ 2^14, rounded as its noise says (<see cref="NarrowCodec"/>); what escapes, and the differences of buffers, are as with 32.
/// </summary>
public readonly record struct ContributionFormat
{
    /// <value>The most slots of which sums cannot wrap, whatever the format.</value>
    public const int MostSlots = 65_536;

    /// <summary>As many share the 31 bits of a sum where each has 14.</summary>
    private const int NarrowRoom = MostSlots;

    private readonly int _slots;
    private readonly bool _isNarrow;

    /// <exception cref="ProtocolException">There is no such format; what is wrong is named.</exception>
    public ContributionFormat(JobDescriptor descriptor)
    {
        if (descriptor.Contribution is not (16 or 32) || descriptor.Slots is < 1 or > MostSlots)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId}: contributions of {descriptor.Slots} slots in {descriptor.Contribution} bits cannot be. Give 1 to {MostSlots} slots, and 16 or 32 bits.");
        }

        _slots = descriptor.Slots;
        _isNarrow = descriptor.Contribution == 16;
    }

    /// <summary>Whether a slot's integers at a level of a block have 14 bits.</summary>
    /// <param name="level">Of <see cref="BlockExponent.Level"/>.</param>
    public bool IsNarrow(TensorKind kind, int level) => _isNarrow && kind == TensorKind.Parameter && level == 0;

    /// <summary>Slots that the integers at a level of a block leave room for; k follows from it.</summary>
    public int Room(TensorKind kind, int level) => IsNarrow(kind, level) ? NarrowRoom : _slots;

    /// <summary>Powers of two that a block's hint lies above the largest exponent seen. Where bits are few, each counts.</summary>
    public int Headroom(TensorKind kind) => IsNarrow(kind, 0) ? 1 : BlockHint.Headroom;
}
