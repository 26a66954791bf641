using System.IO.Compression;

namespace Lockstep.Tests;

/// <summary>TorchScript files with other code than that of samples/torchscript.</summary>
internal static class ChangedScript
{
    /// <summary>Writes a model with another text in the place of one of its code's.</summary>
    /// <param name="model">That of the sample.</param>
    /// <param name="part">End of the name of a part of the archive.</param>
    public static void Write(string model, string path, string part, string text, string other)
    {
        File.Copy(model, path);
        using var archive = ZipFile.Open(path, ZipArchiveMode.Update);
        ZipArchiveEntry entry = archive.Entries.Single(entry => entry.FullName.EndsWith(part, StringComparison.Ordinal));
        string code;
        using (var reader = new StreamReader(entry.Open()))
        {
            code = reader.ReadToEnd();
        }

        Assert.Contains(text, code, StringComparison.Ordinal);
        string name = entry.FullName;
        entry.Delete();
        using var writer = new StreamWriter(archive.CreateEntry(name, CompressionLevel.NoCompression).Open());
        writer.Write(code.Replace(text, other, StringComparison.Ordinal));
    }
}
