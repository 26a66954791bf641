namespace Lockstep.Scheduler.Paths;

/// <summary>Where a path leads once every link on the way is followed.</summary>
internal static class RealPath
{
    private const int MostLinks = 40;

    /// <param name="path">Absolute. Parts of it that do not exist stay as they are.</param>
    /// <exception cref="IOException">The links lead in a circle, or a folder on the way may not be read.</exception>
    public static string Resolve(string path)
    {
        string at = Path.GetPathRoot(path)!;
        int links = 0;
        var left = new Stack<string>();
        Push(left, path[at.Length..]);
        while (left.TryPop(out string? part))
        {
            if (part == "..")
            {
                at = Path.GetDirectoryName(at) ?? at;
                continue;
            }

            string next = Path.Combine(at, part);
            if (Target(next) is not { } target)
            {
                at = next;
                continue;
            }

            if (++links > MostLinks)
            {
                throw new IOException($"More than {MostLinks} links are on the way of {path}.");
            }

            if (Path.IsPathRooted(target))
            {
                at = Path.GetPathRoot(target)!;
                target = target[at.Length..];
            }

            Push(left, target);
        }

        return at;
    }

    /// <summary>Whether one of two folders is the other, or lies in it, whatever links lead there.</summary>
    /// <exception cref="IOException">See <see cref="Resolve"/>.</exception>
    public static bool Overlap(string one, string other)
    {
        (string first, string second) = (Resolve(Path.GetFullPath(one)), Resolve(Path.GetFullPath(other)));
        return IsUnder(first, second) || IsUnder(second, first);
    }

    /// <summary>Whether a path is a folder or lies in it.</summary>
    public static bool IsUnder(string path, string root)
    {
        string folder = Path.TrimEndingDirectorySeparator(root);
        return string.Equals(Path.TrimEndingDirectorySeparator(path), folder, Comparison) || path.StartsWith(Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, Comparison);
    }

    private static StringComparison Comparison => OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    private static void Push(Stack<string> left, string parts)
    {
        foreach (string part in parts.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Reverse())
        {
            if (part is not ("" or "."))
            {
                left.Push(part);
            }
        }
    }

    private static string? Target(string path)
    {
        try
        {
            return (Directory.Exists(path) ? (FileSystemInfo)new DirectoryInfo(path) : new FileInfo(path)).LinkTarget;
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }
}
