namespace Lockstep.Contracts.Services;

/// <summary>A worker program of the user's own.</summary>
public static class WorkerProgram
{
    private const string RuntimeConfig = ".runtimeconfig.json";

    /// <summary>Finds the assembly of a program.</summary>
    /// <param name="path">The assembly, the executable beside it, its project, or the folder of either.</param>
    /// <param name="named">What named it, for messages.</param>
    /// <exception cref="InputException">There is none, or several.</exception>
    public static string Find(string path, string named)
    {
        string full = Path.GetFullPath(path);
        if (File.Exists(full) && !full.EndsWith(".csproj", StringComparison.OrdinalIgnoreCase))
        {
            string assembly = full.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? full : Path.ChangeExtension(full, ".dll");
            return File.Exists(assembly) && File.Exists(Path.ChangeExtension(assembly, RuntimeConfig))
                ? assembly
                : throw new InputException(named, 0, $"'{path}' is no program of .NET: there is no {Path.GetFileName(Path.ChangeExtension(assembly, RuntimeConfig))} beside it.", "Name the built assembly of a worker program, or its project.");
        }

        string folder = File.Exists(full) ? Path.GetDirectoryName(full)! : full;
        if (!Directory.Exists(folder))
        {
            throw new InputException(named, 0, $"There is no '{path}'.", "Name the built assembly of a worker program, or its project.");
        }

        string[] here = Programs(folder);
        // The newest build of a project.
        string[] found = here.Length > 0 ? here : [.. Directory.Exists(Path.Combine(folder, "bin")) ? Directory.EnumerateDirectories(Path.Combine(folder, "bin"), "*", SearchOption.AllDirectories).SelectMany(Programs).OrderByDescending(File.GetLastWriteTimeUtc).Take(1) : []];
        return found.Length == 1
            ? found[0]
            : throw new InputException(named, 0, found.Length == 0 ? $"There is no built program in '{path}'." : $"There are several programs in '{path}': {string.Join(", ", found.Select(Path.GetFileName))}.", found.Length == 0 ? "Build it first." : "Name the assembly.");
    }

    private static string[] Programs(string folder) => [.. Directory.EnumerateFiles(folder, "*" + RuntimeConfig).Select(file => file[..^RuntimeConfig.Length] + ".dll").Where(File.Exists)];
}
