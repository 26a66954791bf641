namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>A folder of a test's own, deleted with it.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-test-");

    public string Path => _folder.FullName;

    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string text)
    {
        File.WriteAllText(In(name), text);
        return In(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Copies a folder with all that is in it.</summary>
    /// <returns>The copy.</returns>
    public string CopyOf(string folder, string name)
    {
        string copy = In(name);
        Directory.CreateDirectory(copy);
        foreach (string inner in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(System.IO.Path.Combine(copy, System.IO.Path.GetRelativePath(folder, inner)));
        }

        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, System.IO.Path.Combine(copy, System.IO.Path.GetRelativePath(folder, file)));
        }

        return copy;
    }
}
