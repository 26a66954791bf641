using System.Text.RegularExpressions;

namespace Lockstep.Contracts.Jobs;

/// <summary>What names may be.</summary>
public static class JobNames
{
    /// <summary>Pattern of a job's name, and of a model's or data source's of one's own.</summary>
    internal const string Pattern = "^[a-z0-9][a-z0-9-]{0,39}$";

    /// <summary>Whether a model or a data source can be called so.</summary>
    public static bool IsComponent(string name) => Regex.IsMatch(name, Pattern, RegexOptions.None, TimeSpan.FromSeconds(1));
}
