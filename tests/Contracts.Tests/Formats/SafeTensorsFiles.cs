using CsCheck;
using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Tests.Formats;

/// <summary>Files of tensors, generated; and a folder for them.</summary>
internal static class SafeTensorsFiles
{
    private static readonly Gen<float> AnyFloat = Gen.Int.Select(BitConverter.Int32BitsToSingle);

    public static readonly Gen<IReadOnlyList<NamedTensor>> Tensors =
        from names in Gen.OneOf(Gen.String, Gen.OneOf("a", "b.weight", "", "é", "\"\\\n", "__metadata", "😀")).Where(n => n != "__metadata__" && IsUnicode(n)).ArrayUnique[0, 6]
        from shapes in Gen.Int[0, 4].Array[0, 3].Array[names.Length]
        from values in Gen.OneOf(AnyFloat, Gen.Float.Special).Array[64].Array[names.Length]
        select (IReadOnlyList<NamedTensor>)[.. names.Select((name, i) => new NamedTensor(name, shapes[i], values[i][..shapes[i].Aggregate(1, (product, size) => product * size)]))];

    public static readonly Gen<IReadOnlyDictionary<string, string>> Metadata =
        Gen.Select(Gen.String.Where(IsUnicode), Gen.String.Where(IsUnicode)).Array[0, 3].Select(pairs => (IReadOnlyDictionary<string, string>)pairs.DistinctBy(p => p.Item1).ToDictionary(p => p.Item1, p => p.Item2, StringComparer.Ordinal));

    /// <summary>Writes tensors to a file, hands over its bytes, and deletes it.</summary>
    public static byte[] Written(IReadOnlyList<NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata) => InFile(path =>
    {
        SafeTensors.Write(path, tensors, metadata);
        return File.ReadAllBytes(path);
    });

    /// <summary>Reads bytes as a file.</summary>
    public static SafeTensorsFile Read(byte[] bytes) => InFile(path =>
    {
        File.WriteAllBytes(path, bytes);
        return SafeTensors.Read(path);
    });

    public static T InFile<T>(Func<string, T> use)
    {
        string path = Path.Combine(Path.GetTempPath(), $"lockstep-{Guid.NewGuid():N}.safetensors");
        try
        {
            return use(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static bool IsUnicode(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)) == text;
}
