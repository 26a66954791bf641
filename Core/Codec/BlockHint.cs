using System.Runtime.InteropServices;

namespace Lockstep.Core.Codec;

/// <summary>The exponent that a block's slots are expected to fit at a version, and what the next one follows from. It is part of the state: in the ledger and in checkpoints.</summary>
/// <param name="Exponent">Published with the version. A slot's block that fits is encoded at it; one that does not escapes.</param>
/// <param name="Recent">The largest exponent seen in the bucket of steps in hand; <see cref="None"/> before any.</param>
/// <param name="Before">The same of the bucket before.</param>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
public readonly record struct BlockHint(short Exponent, short Recent, short Before)
{
    /// <summary>Steps in a bucket.</summary>
    public const int Bucket = 8;

    /// <summary>No exponent was seen.</summary>
    public const short None = short.MinValue;

    /// <summary>Room for growth, in powers of two, where there are bits to spare. Each costs a bit of every sum; one too few costs an escape.</summary>
    public const int Headroom = 2;

    /// <summary>Of version 0: every block escapes.</summary>
    public static readonly BlockHint Initial = new(BlockExponent.Floor, None, None);

    /// <summary>The hint after a step.</summary>
    /// <param name="step">0-based.</param>
    /// <param name="code">Of the largest exponent over the step's slots; 0 where the block was zero in all of them, which leaves the hint.</param>
    /// <param name="headroom">Of <see cref="ContributionFormat"/>.</param>
    public BlockHint Next(long step, byte code, int headroom = Headroom)
    {
        bool turns = step % Bucket == 0;
        short recent = turns ? None : Recent;
        short before = turns ? Recent : Before;
        if (code == 0)
        {
            return new BlockHint(Exponent, recent, before);
        }

        recent = Math.Max(recent, BlockExponent.Of(code));
        return new BlockHint((short)Math.Clamp(Math.Max(recent, before) + headroom, BlockExponent.Floor, BlockExponent.Ceiling), recent, before);
    }
}
