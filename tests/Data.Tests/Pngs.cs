using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Lockstep.Data.Tests;

/// <summary>Images, written for tests.</summary>
internal static class Pngs
{
    /// <summary>A PNG of grey pixels, or of red, green and blue ones.</summary>
    /// <param name="pixels">[height × width × channels]</param>
    public static byte[] Of(int height, int width, int channels, Func<int, int, int, byte> pixels)
    {
        var raw = new List<byte>();
        for (var y = 0; y < height; y++)
        {
            raw.Add(0);
            for (var x = 0; x < width; x++)
            {
                for (var channel = 0; channel < channels; channel++)
                {
                    raw.Add(pixels(y, x, channel));
                }
            }
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write([.. raw]);
        }

        byte[] header = [.. BigEndian((uint)width), .. BigEndian((uint)height), 8, (byte)(channels == 1 ? 0 : 2), 0, 0, 0];
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. Chunk("IHDR", header), .. Chunk("IDAT", packed.ToArray()), .. Chunk("IEND", [])];
    }

    private static byte[] Chunk(string name, byte[] content)
    {
        byte[] named = [.. Encoding.ASCII.GetBytes(name), .. content];
        return [.. BigEndian((uint)content.Length), .. named, .. BigEndian(Crc32.HashToUInt32(named))];
    }

    private static byte[] BigEndian(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
