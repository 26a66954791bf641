namespace Lockstep.ServiceDefaults.Tests;

/// <summary>Files of the source tree.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <value>The command line, built as these tests are.</value>
    public static string Cli
    {
        get
        {
            var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            return Path.Combine(Root, "Cli", "bin", framework.Parent!.Name, framework.Name, "lockstep.dll");
        }
    }

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string Find()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Aspire.sln")))
        {
            at = at.Parent;
        }

        return at?.FullName ?? throw new InvalidOperationException("The tests do not run within the source tree.");
    }
}
