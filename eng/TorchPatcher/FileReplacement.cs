namespace Lockstep.TorchPatcher;

/// <summary>Writes a file whole or not at all.</summary>
public static class FileReplacement
{
    /// <summary>Replaces <paramref name="path"/> by a new file. What stood there before is unlinked, never written into: it may be a hard link to a file in the package cache.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, full, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
