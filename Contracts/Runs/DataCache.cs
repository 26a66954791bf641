using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Contracts.Runs;

/// <summary>Where the processes of one machine keep data as rows, by content: one folder for all runs, so that data are read through once and not once a run.</summary>
public static class DataCache
{
    private const string Name = "lockstep";
    private const long Gigabyte = 1_000_000_000;
    private const long UsualGigabytes = 100;

    /// <summary>The folder of <see cref="EnvironmentNames.DataCache"/>, else one in the user's own folder for caches. The latter is made, for this user alone.</summary>
    /// <returns>Null: the variable is not set, and the user has no folder that can be written.</returns>
    public static string? Find() => Find(Environment.GetEnvironmentVariable);

    /// <summary>Bytes that may lie in a cache.</summary>
    /// <param name="directory">It; is there.</param>
    /// <exception cref="InputException">The variable is no number of gigabytes.</exception>
    public static long Limit(string directory)
    {
        if (Environment.GetEnvironmentVariable(EnvironmentNames.DataCacheLimit) is { Length: > 0 } text)
        {
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is > 0 and < 1e9
                ? (long)(number * Gigabyte)
                : throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.DataCacheLimit} is '{text}'.", "Give a number of gigabytes, such as 20.");
        }

        return Math.Min(UsualGigabytes * Gigabyte, new DriveInfo(Path.GetFullPath(directory)).TotalSize / 2);
    }

    /// <param name="environment">Gives a variable's value.</param>
    public static string? Find(Func<string, string?> environment)
    {
        if (environment(EnvironmentNames.DataCache) is { Length: > 0 } named)
        {
            return Path.GetFullPath(named);
        }

        string? root = OperatingSystem.IsWindows() ? environment("LOCALAPPDATA")
            : environment("XDG_CACHE_HOME") is { Length: > 0 } caches ? caches
            : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache")
            : null;
        if (root is null || !Path.IsPathFullyQualified(root))
        {
            return null;
        }

        string folder = Path.Combine(root, Name);
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            // A folder that is there may still be one that cannot be written.
            using var probe = new FileStream(Path.Combine(folder, Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return folder;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
