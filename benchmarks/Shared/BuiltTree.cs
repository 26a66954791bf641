using Lockstep.Engine.Processes;

namespace Lockstep.Benchmarks;

/// <summary>The tree that the running benchmark was built in, and what was built along with it.</summary>
public static class BuiltTree
{
    // <project>/bin/<configuration>/<framework>
    private static readonly DirectoryInfo Framework = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    public static string Root { get; } = Path.GetFullPath(Path.Combine(Framework.FullName, "..", "..", "..", "..", ".."));

    /// <value>The command line's assembly; it serves Redis to fleets as well.</value>
    public static string Lockstep { get; } = LockstepIn(Root);

    /// <value>The built services, or those of the folder that <see cref="ServiceLocator.OverrideName"/> names.</value>
    public static ServiceLocator Services { get; } = ServiceLocator.Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(ServiceLocator.OverrideName));

    /// <summary>The command line's assembly of another tree, built in the same configuration.</summary>
    public static string LockstepIn(string root) => Path.Combine(root, "Cli", "bin", Framework.Parent!.Name, Framework.Name, "lockstep.dll");

    public static string Sample(string name) => Path.Combine(Root, "samples", name, "job.yaml");
}
