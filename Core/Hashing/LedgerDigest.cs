using System.Security.Cryptography;

namespace Lockstep.Core.Hashing;

/// <summary>A digest of the ledger's lines from the first on: a checkpoint keeps that of the lines it was cut after.</summary>
public sealed class LedgerDigest
{
    private const int Size = SHA256.HashSizeInBytes;
    private const int LineSize = 16;

    private readonly byte[] _value = new byte[Size];

    /// <summary>Of no lines.</summary>
    public LedgerDigest()
    {
    }

    /// <summary>Goes on from what <see cref="ToString"/> gave.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public LedgerDigest(string hex)
    {
        if (hex.Length != 2 * Size)
        {
            throw new FormatException($"A digest of a ledger has {2 * Size} digits, not {hex.Length}.");
        }

        Convert.FromHexString(hex, _value, out _, out _);
    }

    /// <param name="hash">Of the next line: 32 hexadecimal digits.</param>
    public void Add(string hash)
    {
        Span<byte> both = stackalloc byte[Size + LineSize];
        _value.CopyTo(both);
        Convert.FromHexString(hash, both[Size..], out _, out _);
        SHA256.HashData(both, _value);
    }

    /// <summary>64 hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(_value);
}
