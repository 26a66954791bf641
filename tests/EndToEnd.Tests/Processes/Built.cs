using Lockstep.Engine.Processes;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>The source tree that this was built from, and what was built along with it.</summary>
internal static class Built
{
    private static readonly DirectoryInfo Framework = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    public static string Root { get; } = Find(Framework);

    /// <value>The command line.</value>
    public static string Lockstep { get; } = Output("Cli", "lockstep.dll");

    /// <value>A worker program with a model and a data source of its own.</value>
    public static string OwnWorker { get; } = Output(Path.Combine("tests", "OwnWorker"), "Lockstep.OwnWorker.dll");

    public static ServiceLocator Services { get; } = ServiceLocator.Find(AppContext.BaseDirectory, null);

    /// <value>Debug or Release.</value>
    public static string Configuration => Framework.Parent!.Name;

    /// <summary>The job file of a sample.</summary>
    public static string Sample(string name) => Path.Combine(Root, "samples", name, "job.yaml");

    private static string Output(string project, string assembly) => Path.Combine(Root, project, "bin", Framework.Parent!.Name, Framework.Name, assembly);

    private static string Find(DirectoryInfo folder) =>
        File.Exists(Path.Combine(folder.FullName, "Aspire.sln")) ? folder.FullName : Find(folder.Parent ?? throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds Aspire.sln."));
}
