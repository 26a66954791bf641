using Lockstep.Contracts.Services;

namespace Lockstep.AppHost.Tests;

/// <summary>Processes that say in their environment who launched them.</summary>
internal static class LeftProcesses
{
    /// <summary>Ids of those that have a variable with this value.</summary>
    public static IReadOnlyList<int> With(string variable, string value)
    {
        string wanted = $"{variable}={value}";
        var found = new List<int>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out int id))
            {
                continue;
            }

            try
            {
                if (File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Contains(wanted))
                {
                    found.Add(id);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It is gone, or somebody else's.
            }
        }

        return found;
    }

    /// <summary>Waits until none is left that a process launched.</summary>
    public static Task EndAsync(string launcher, CancellationToken cancellation) =>
        Waiting.UntilAsync(() => With(EnvironmentNames.ParentProcess, launcher).Count == 0, $"the end of all that process {launcher} launched", cancellation);

    public static string CommandLineOf(int id) => File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ');
}
