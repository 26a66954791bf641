using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Paths;

/// <summary>The files and folders that jobs may name: data under the data roots, runs under the runs root. Nothing is allowed where no root is configured.</summary>
/// <remarks>Links are followed as this process sees them when a job is submitted: who may make links under a root decides what is under it.</remarks>
/// <param name="dataRoots">Absolute paths of folders or single files, or addresses of object stores.</param>
/// <param name="runsRoot">Absolute path; null: there is none.</param>
internal sealed class AllowedPaths(IReadOnlyList<string> dataRoots, string? runsRoot)
{
    private const int LongestShown = 200;

    /// <summary>Of Linux, in bytes, the end included.</summary>
    private const int Longest = 4096;

    /// <exception cref="InputException">A root in the environment is no absolute path.</exception>
    public static AllowedPaths From(IConfiguration configuration)
    {
        // Also one a variable, LOCKSTEP_DATA_ROOTS__0 and so on, for paths that have the separator in them.
        string[] data =
        [
            .. (configuration[EnvironmentNames.DataRoots] ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            .. configuration.GetSection(EnvironmentNames.DataRoots).GetChildren().Select(child => child.Value).OfType<string>(),
        ];
        string? runs = configuration[EnvironmentNames.RunsRoot] is { Length: > 0 } root ? root : null;
        InputError[] errors =
        [
            .. data.Where(path => !Path.IsPathFullyQualified(path) && StoreAddress.Parse(path) is null).Select(path => NotAbsolute(EnvironmentNames.DataRoots, path)),
            .. new[] { runs }.OfType<string>().Where(path => !Path.IsPathFullyQualified(path)).Select(path => NotAbsolute(EnvironmentNames.RunsRoot, path)),
        ];
        return errors.Length == 0 ? new AllowedPaths(data, runs) : throw new InputException(errors);
    }

    /// <summary>What is wrong with the files that a job names.</summary>
    public IEnumerable<InputError> Check(JobSpec job) => job.Files().Select(f => Check(f.Key, f.Path, dataRoots, EnvironmentNames.DataRoots)).OfType<InputError>();

    /// <summary>The folder of a job's run.</summary>
    /// <param name="asked">What the submitter named; null or empty: one under the runs root, of the job's id.</param>
    /// <exception cref="InputException">It is not under the runs root, or there is none.</exception>
    public string RunDirectory(string? asked, string jobId)
    {
        const string Key = "runDirectory";
        if (runsRoot is null)
        {
            throw new InputException(Key, 0, "This scheduler has no folder for runs.", $"Set {EnvironmentNames.RunsRoot} where it is started to one that all services can reach.");
        }

        string directory = string.IsNullOrEmpty(asked) ? Path.Combine(runsRoot, jobId) : asked;
        return Check(Key, directory, [runsRoot], EnvironmentNames.RunsRoot) is { } error ? throw new InputException([error]) : directory;
    }

    private static InputError? Check(string key, string path, IReadOnlyList<string> roots, string variable)
    {
        string shown = path.Length > LongestShown ? path[..LongestShown] + "…" : path;
        if (Encoding.UTF8.GetByteCount(path) >= Longest)
        {
            return new InputError(key, 0, $"'{shown}' is longer than any system takes.", "Name a shorter path.");
        }

        if (StoreAddress.Parse(path) is { } address)
        {
            return path.Any(char.IsControl) || !roots.Select(StoreAddress.Parse).OfType<StoreAddress>().Any(address.IsUnder) ? NotAllowed(key, shown, roots, variable) : null;
        }

        if (path.Contains('\0', StringComparison.Ordinal) || !Path.IsPathFullyQualified(path))
        {
            return new InputError(key, 0, $"'{shown}' is no absolute path.", "Name the file as the scheduler's machine does, from the root.");
        }

        if (path.Any(char.IsControl))
        {
            return new InputError(key, 0, $"'{shown}' has a character in it that is none to be read.", "Write the path without.");
        }

        if (path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Contains(".."))
        {
            return new InputError(key, 0, $"'{shown}' has '..' in it.", "Write the path without.");
        }

        try
        {
            string full = Path.GetFullPath(path);
            foreach (string root in roots.Where(root => StoreAddress.Parse(root) is null))
            {
                if (RealPath.IsUnder(full, Path.GetFullPath(root)))
                {
                    string real = RealPath.Resolve(full);
                    return RealPath.IsUnder(real, RealPath.Resolve(root)) ? null : new InputError(key, 0, $"'{shown}' is a link that leads out of {root}.", $"Name a file that lies under it, or add the link's target to {variable} where the scheduler is started.");
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new InputError(key, 0, $"'{shown}' cannot be checked: {exception.Message}", "Correct the path or its rights.");
        }

        return NotAllowed(key, shown, roots, variable);
    }

    private static InputError NotAllowed(string key, string shown, IReadOnlyList<string> roots, string variable) =>
        new(key, 0, $"'{shown}' is not allowed here.", roots.Count == 0 ? $"Set {variable} where the scheduler is started to the folders that jobs may use." : $"Use what lies under {string.Join(" or ", roots)}, or set {variable} where the scheduler is started.");

    private static InputError NotAbsolute(string variable, string path) => new(InputException.ProcessEnvironment, 0, $"{variable} names '{path}', which is no absolute path.", "Write it from the root.");
}
