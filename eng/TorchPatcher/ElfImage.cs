using System.Buffers.Binary;
using System.Text;

namespace Lockstep.TorchPatcher;

/// <param name="Number">Index in .dynsym and .gnu.version.</param>
/// <param name="NameOffset">Offset of the name in .dynstr.</param>
public sealed record DynamicSymbol(int Number, string Name, int NameOffset, bool IsDefined, ushort VersionIndex);

/// <param name="Offset">Of the Elf64_Vernaux in the file.</param>
public sealed record NeededVersion(string Name, int NameOffset, ushort Index, ushort Flags, int Offset);

/// <summary>
/// The dynamic-linking tables of a 64-bit little-endian x86-64 shared object.
/// <code>
/// Elf64_Ehdr    0 ident(16)  16 type  18 machine  40 shoff(8)  58 shentsize  60 shnum  62 shstrndx
/// Elf64_Shdr    0 name(4)  24 offset(8)  32 size(8)
/// Elf64_Sym     0 name(4)  4 info  5 other  6 shndx(2)  8 value(8)  16 size(8)             24 bytes
/// Elf64_Verneed 0 version(2)  2 cnt(2)  4 file(4)  8 aux(4)  12 next(4)
/// Elf64_Vernaux 0 hash(4)  4 flags(2)  6 other(2)  8 name(4)  12 next(4)
/// Elf64_Dyn     0 tag(8)  8 value(8)                                                       16 bytes
/// </code>
/// </summary>
public readonly ref struct ElfImage
{
    private const int SymbolSize = 24;
    private readonly Span<byte> image;
    private readonly (int Offset, int Size) dynstr, dynsym, versions, needs, dynamic;

    /// <exception cref="InvalidDataException">Not such a file, or a table is missing or out of bounds.</exception>
    public ElfImage(Span<byte> image)
    {
        this.image = image;
        if (image.Length < 64 || !image[..6].SequenceEqual("\u007fELF\u0002\u0001"u8) || U16(18) != 62)
        {
            throw new InvalidDataException("This is not an ELF file for 64-bit x86.");
        }

        dynstr = Section(".dynstr");
        dynsym = Section(".dynsym");
        versions = Section(".gnu.version");
        needs = Section(".gnu.version_r");
        dynamic = Section(".dynamic");
        if (versions.Size / 2 != dynsym.Size / SymbolSize)
        {
            throw new InvalidDataException("The ELF file's symbol and version tables differ in length.");
        }
    }

    public IReadOnlyList<DynamicSymbol> DynamicSymbols()
    {
        var result = new List<DynamicSymbol>();
        for (var i = 0; i < dynsym.Size / SymbolSize; i++)
        {
            var at = dynsym.Offset + (i * SymbolSize);
            var name = I32(at);
            result.Add(new(i, DynamicString(name), name, U16(at + 6) != 0, (ushort)(U16(versions.Offset + (2 * i)) & 0x7fff)));
        }

        return result;
    }

    public IReadOnlyList<NeededVersion> NeededVersions()
    {
        var result = new List<NeededVersion>();
        foreach (var (_, auxiliary) in Verneeds())
        {
            foreach (var at in auxiliary)
            {
                result.Add(new(DynamicString(I32(at + 8)), I32(at + 8), U16(at + 6), U16(at + 4), at));
            }
        }

        return result;
    }

    /// <summary>Every offset into .dynstr that a symbol, a needed version or file, or the dynamic section holds.</summary>
    public IReadOnlyList<long> StringOffsetsInUse()
    {
        var result = new List<long>();
        for (var at = dynsym.Offset; at < dynsym.Offset + dynsym.Size; at += SymbolSize)
        {
            result.Add(I32(at));
        }

        foreach (var (file, auxiliary) in Verneeds())
        {
            result.Add(file);
            foreach (var at in auxiliary)
            {
                result.Add(I32(at + 8));
            }
        }

        // DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH
        for (var at = dynamic.Offset; at < dynamic.Offset + dynamic.Size; at += 16)
        {
            if (I64(at) is 1 or 14 or 15 or 29)
            {
                result.Add(I64(at + 8));
            }
        }

        return result;
    }

    public void WriteDynamicString(int offset, string text, int oldLength)
    {
        var place = image.Slice(dynstr.Offset + offset, oldLength);
        place.Clear();
        Encoding.ASCII.GetBytes(text, place);
    }

    public void WriteSymbolVersion(int number, ushort version) =>
        BinaryPrimitives.WriteUInt16LittleEndian(image[(versions.Offset + (2 * number))..], version);

    public void WriteVersionFlags(NeededVersion version, ushort flags) =>
        BinaryPrimitives.WriteUInt16LittleEndian(image[(version.Offset + 4)..], flags);

    private List<(int File, List<int> Auxiliary)> Verneeds()
    {
        var result = new List<(int, List<int>)>();
        var at = needs.Offset;
        while (true)
        {
            var auxiliary = new List<int>();
            var aux = at + I32(at + 8);
            for (var i = 0; i < U16(at + 2); i++)
            {
                auxiliary.Add(aux);
                aux += I32(aux + 12);
            }

            result.Add((I32(at + 4), auxiliary));
            var next = I32(at + 12);
            if (next <= 0)
            {
                return result;
            }

            at += next;
        }
    }

    private (int Offset, int Size) Section(string name)
    {
        var table = checked((int)I64(40));
        var entry = U16(58);
        var names = (int)I64(table + (U16(62) * entry) + 24);
        for (var i = 0; i < U16(60); i++)
        {
            var header = table + (i * entry);
            if (Text(names + I32(header)) == name)
            {
                var (offset, size) = (I64(header + 24), I64(header + 32));
                return offset >= 0 && size >= 0 && offset + size <= image.Length
                    ? ((int)offset, (int)size)
                    : throw new InvalidDataException($"The ELF file's section {name} lies outside of it.");
            }
        }

        throw new InvalidDataException($"The ELF file has no section {name}.");
    }

    private string DynamicString(int offset) => Text(dynstr.Offset + offset);

    private string Text(int at)
    {
        var rest = Slice(at, 1) is { IsEmpty: false } ? image[at..] : default;
        var end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.ASCII.GetString(rest[..end]) : throw Truncated();
    }

    private Span<byte> Slice(int at, int count) => at >= 0 && at <= image.Length - count ? image.Slice(at, count) : throw Truncated();
    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(at, 2));
    private int I32(int at) => BinaryPrimitives.ReadInt32LittleEndian(Slice(at, 4));
    private long I64(int at) => BinaryPrimitives.ReadInt64LittleEndian(Slice(at, 8));
    private static InvalidDataException Truncated() => new("The ELF file ends within a table.");
}
