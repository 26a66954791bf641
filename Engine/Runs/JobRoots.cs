using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Runs;

/// <summary>What a scheduler lets jobs name, for one whose jobs are the launching user's own, as the machine is.</summary>
public static class JobRoots
{
    /// <summary>The environment of a scheduler that lets a job read the files that it names, and write its run's folder.</summary>
    /// <param name="runDirectory">Absolute.</param>
    public static IReadOnlyDictionary<string, string> Of(JobSpec job, string runDirectory)
    {
        string[] data = [.. job.Files().Select(f => f.Path)];
        var roots = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [EnvironmentNames.DataRoots] = "",
            [EnvironmentNames.RunsRoot] = runDirectory,
        };
        for (int i = 0; i < data.Length; i++)
        {
            // One a variable: the path may have the separator of lists in it.
            roots[string.Create(CultureInfo.InvariantCulture, $"{EnvironmentNames.DataRoots}__{i}")] = data[i];
        }

        return roots;
    }
}
