namespace Lockstep.Core.Codec;

/// <summary>
/// The exponent of a slot's block: the smallest e with |g| ≤ 2^e for all of its values, at least <see cref="Floor"/>.
/// It travels as one byte, its code: e + 81, or 0 where the block is zero. Denormal values count as zero, as they do in a process that flushes them.
/// </summary>
public static class BlockExponent
{
    /// <summary>Smallest exponent. Smaller gradients are noise beside any float32 parameter that they move.</summary>
    public const short Floor = -80;

    /// <summary>Largest exponent: every finite float fits.</summary>
    public const short Ceiling = 128;

    /// <summary>A slot that exceeds a block's hint is encoded at a multiple of this.</summary>
    public const int Grid = 8;

    /// <summary>Levels a block can have: that of its hint, and each exponent of the grid above the floor.</summary>
    public const int Levels = 1 + ((Ceiling - Floor) / Grid);

    private const int FirstNormal = 0x0080_0000;
    private const int MantissaBits = 23;
    private const int Bias = 127;
    private const int CodeOfZero = Floor - 1;

    /// <param name="magnitude">Bits of the largest finite magnitude of the block, of <see cref="BlockCodec.Magnitude"/>.</param>
    public static byte CodeOf(int magnitude)
    {
        if (magnitude < FirstNormal)
        {
            return 0;
        }

        int exponent = (magnitude >> MantissaBits) - Bias + ((magnitude & (FirstNormal - 1)) != 0 ? 1 : 0);
        return (byte)(Math.Max(exponent, Floor) - CodeOfZero);
    }

    /// <summary>Whether a byte is the code of an exponent, or of a zero block.</summary>
    public static bool IsCode(byte code) => code <= Ceiling - CodeOfZero;

    /// <param name="code">Not 0.</param>
    public static short Of(byte code) => (short)(code + CodeOfZero);

    /// <summary>At which level a slot's block is encoded: 0 is the hint's own; a higher one is an escape, of exponent <see cref="OfLevel"/>.</summary>
    /// <param name="code">Not 0.</param>
    public static int Level(byte code, short hint)
    {
        int exponent = Of(code);
        return exponent <= hint ? 0 : (exponent - Floor + Grid - 1) / Grid;
    }

    /// <summary>The exponent that a level's integers stand at.</summary>
    public static short OfLevel(int level, short hint) => level == 0 ? hint : (short)(Floor + (level * Grid));
}
