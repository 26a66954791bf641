namespace Lockstep.Contracts.Jobs;

/// <summary>The files that a job names, in full: relative paths of the job file are taken from its folder, those of an option from the current one.</summary>
internal sealed class JobPaths(List<InputError> errors, string directory)
{
    /// <summary>More files than this are rather a pattern that fits too much.</summary>
    private const int MostFiles = 1000;

    private static readonly char[] Wild = ['*', '?'];

    /// <returns>Null: the key is not given.</returns>
    public string? Full(JobValues values, string key) => values.Text(key) is { } path ? Full(values, key, path) : null;

    /// <summary>The files of a list, with those that a pattern stands for in ordinal order in its place.</summary>
    /// <param name="folders">Whether a pattern stands for folders as well.</param>
    public string[] Of(JobValues values, string key, bool folders = false)
    {
        string[] all = [.. values.List<string>(key).SelectMany(path => Expand(values, key, Full(values, key, path), folders))];
        foreach (string twice in all.GroupBy(path => path, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => g.Key).Take(1))
        {
            Report(values, key, $"'{key}' names {twice} twice.", "Name each file once, also by patterns.");
        }

        return all;
    }

    private string Full(JobValues values, string key, string path)
    {
        if (!StoreAddress.IsUrl(path))
        {
            return Path.GetFullPath(path, values.LineOf(key) == 0 ? Environment.CurrentDirectory : directory);
        }

        if (StoreAddress.Parse(path) is null)
        {
            Report(values, key, $"'{path}' is no path, and no address of an object store.", "Give a path, s3://bucket/key or azblob://container/name; what another address names, download first.");
        }

        return path;
    }

    private string[] Expand(JobValues values, string key, string path, bool folders)
    {
        string pattern = StoreAddress.IsUrl(path) ? "" : Path.GetFileName(path);
        if (pattern.IndexOfAny(Wild) < 0)
        {
            return [path];
        }

        string folder = Path.GetDirectoryName(path)!;
        string[] found;
        try
        {
            found = [.. (folders ? Directory.EnumerateFileSystemEntries(folder, pattern) : Directory.EnumerateFiles(folder, pattern)).Take(MostFiles + 1).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Report(values, key, $"The folder {folder} cannot be read: {exception.Message}", "Correct the path.");
            return [path];
        }

        if (found.Length is 0 or > MostFiles)
        {
            Report(values, key, found.Length == 0 ? $"No file in {folder} is called '{pattern}'." : $"More than {MostFiles} files in {folder} are called '{pattern}'.", "Correct the pattern: * stands for any characters, ? for one.");
            return [path];
        }

        return found;
    }

    private void Report(JobValues values, string key, string message, string remedy) => errors.Add(new(values.FileOf(key), values.LineOf(key), message, remedy));
}
