using System.Buffers.Binary;
using System.Diagnostics;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Lockstep.TorchPatcher;

/// <summary>
/// Has the runtime compile TorchSharp's own methods so that what a method was given lives as long as the method runs, by the attribute that Debug builds have: the work is libtorch's, so that it costs nothing that could be measured.
/// <para>
/// TorchSharp 0.107.0 hands the native pointer of a <c>Scalar</c>, or of a tensor, to libtorch and keeps the object no longer. In optimised code the garbage collector may then finalise it while the operation runs,
/// which reads memory that is free by then: it throws "Unknown scalar type", or computes with another number.
/// </para>
/// <para>Remove this when TorchSharp keeps alive what it hands over: without the patch, ScalarLifetimeTests' test of an operation fails for as long as it does not.</para>
/// </summary>
public static class LifetimePatch
{
    /// <summary>The bytes of its value take that of the other attribute, whose own are shared, and behind it what is left of this one: two empty texts.</summary>
    private const string Given = nameof(AssemblyMetadataAttribute);
    private const string Attribute = nameof(DebuggableAttribute);

    /// <summary>Prolog (2 bytes), modes (4), count of named arguments (2).</summary>
    private const int ValueBytes = 8;
    private const int ModesOffset = 2;

    private static ReadOnlySpan<byte> NoTexts => [1, 0, 0, 0, 0, 0];

    /// <summary>The runtime heeds the second only together with the first.</summary>
    private const DebuggableAttribute.DebuggingModes Unoptimized = DebuggableAttribute.DebuggingModes.Default | DebuggableAttribute.DebuggingModes.DisableOptimizations;

    /// <summary>A column of offsets into a heap has 2 bytes up to this size of the heap, and 4 beyond.</summary>
    private const int SmallHeap = 0x10000;

    /// <summary>Patches the image in place.</summary>
    /// <exception cref="InvalidDataException">The image is not one this patch knows; it is unchanged then.</exception>
    public static unsafe PatchOutcome Apply(Span<byte> image)
    {
        fixed (byte* start = image)
        {
            using var file = new PEReader(start, image.Length);
            if (!IsAssembly(file))
            {
                throw Unknown("it is no assembly");
            }

            MetadataReader metadata = file.GetMetadataReader();
            CustomAttributeHandle attribute = Find(metadata, Attribute);
            BlobReader value = metadata.GetBlobReader(metadata.GetCustomAttribute(attribute).Value);
            if (value.Length != ValueBytes)
            {
                throw Unknown($"its {Attribute} has a value of {value.Length} bytes");
            }

            Span<byte> mended = value.ReadBytes(ValueBytes);
            var modes = (DebuggableAttribute.DebuggingModes)BinaryPrimitives.ReadInt32LittleEndian(mended[ModesOffset..]);
            if (modes.HasFlag(Unoptimized))
            {
                return PatchOutcome.AlreadyPatched;
            }

            BinaryPrimitives.WriteInt32LittleEndian(mended[ModesOffset..], (int)(modes | Unoptimized));
            CustomAttributeHandle other = Find(metadata, Given);
            BlobHandle given = metadata.GetCustomAttribute(other).Value;
            BlobReader room = metadata.GetBlobReader(given);
            // A length of up to 127 takes one byte.
            if (room.Length < ValueBytes + 1 + NoTexts.Length || room.Length > 127 || metadata.CustomAttributes.Count(a => metadata.GetCustomAttribute(a).Value == given) != 1)
            {
                throw Unknown($"its {Given} has a value of {room.Length} bytes, or another attribute shares it");
            }

            int place = (int)(room.StartPointer - start), offset = metadata.GetHeapOffset(given);
            image[place - 1] = ValueBytes;
            mended.CopyTo(image[place..]);
            image[place + ValueBytes] = (byte)NoTexts.Length;
            NoTexts.CopyTo(image[(place + ValueBytes + 1)..]);
            int table = (int)(metadata.MetadataPointer - start) + metadata.GetTableMetadataOffset(TableIndex.CustomAttribute);
            Point(image, metadata, table, attribute, offset);
            Point(image, metadata, table, other, offset + 1 + ValueBytes);
            return PatchOutcome.Patched;
        }
    }

    /// <summary>Lets an attribute's value, the last column of its row, be at another place of the heap.</summary>
    private static void Point(Span<byte> image, MetadataReader metadata, int table, CustomAttributeHandle attribute, int place)
    {
        int end = table + (metadata.GetTableRowSize(TableIndex.CustomAttribute) * MetadataTokens.GetRowNumber(attribute));
        if (metadata.GetHeapSize(HeapIndex.Blob) < SmallHeap)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(image[(end - sizeof(ushort))..], (ushort)place);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(image[(end - sizeof(int))..], place);
        }
    }

    private static bool IsAssembly(PEReader file)
    {
        try
        {
            return file.HasMetadata && file.GetMetadataReader().IsAssembly;
        }
        catch (BadImageFormatException)
        {
            return false;
        }
    }

    private static CustomAttributeHandle Find(MetadataReader metadata, string name)
    {
        CustomAttributeHandle[] found = [.. metadata.GetAssemblyDefinition().GetCustomAttributes().Where(a => NameOf(metadata, metadata.GetCustomAttribute(a)) == name)];
        return found.Length == 1 ? found[0] : throw Unknown($"it has {found.Length} {name}s");
    }

    private static string? NameOf(MetadataReader metadata, CustomAttribute attribute) =>
        attribute.Constructor.Kind == HandleKind.MemberReference
        && metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent is { Kind: HandleKind.TypeReference } type
            ? metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)type).Name)
            : null;

    private static InvalidDataException Unknown(string what) => new($"This is not a TorchSharp.dll that the patch for the lifetime of numbers knows: {what}. After an update of TorchSharp, adapt or remove eng/TorchPatcher/LifetimePatch.cs; who references the package takes the version of TorchSharp that it asks for, or sets LockstepMendsTorch=false.");
}
