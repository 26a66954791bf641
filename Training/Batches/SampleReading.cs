using System.Runtime.InteropServices;
using Lockstep.Abstractions;

namespace Lockstep.Training;

/// <summary>Samples outside of a batch, for people to look at.</summary>
public static class SampleReading
{
    /// <summary>Reads one sample.</summary>
    /// <returns>By field, in the source's order: its numbers, whole ones rounded to float32.</returns>
    public static float[][] ReadOne(IDataSource source, long index)
    {
        byte[][] memory = [.. source.Fields.Select(field => GC.AllocateArray<byte>(field.Length * (field.Type == FieldType.Int64 ? sizeof(long) : sizeof(float)), pinned: true))];
        source.Read(index, new Sample(source.Fields, [.. memory.Select(bytes => Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0))], 0, seed: null));
        return [.. source.Fields.Zip(memory).Select(pair => Floats(pair.First, pair.Second))];
    }

    private static float[] Floats(DataField field, byte[] bytes) => field.Type == FieldType.Float32
        ? MemoryMarshal.Cast<byte, float>(bytes).ToArray()
        : [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(value => (float)value)];
}
