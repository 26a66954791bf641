using System.Diagnostics;
using System.Formats.Tar;
using Lockstep.Benchmarks;

namespace Lockstep.SystemBenchmark.Runs;

/// <summary>The commit that whole commands are compared with, taken from git and built as this tree was.</summary>
internal static class EarlierBuild
{
    public const string Commit = "afa674f";

    /// <summary>Builds it where it is not built yet.</summary>
    /// <returns>Its tree.</returns>
    /// <exception cref="InvalidOperationException">git does not have the commit, or it cannot be built.</exception>
    public static async Task<string> GetAsync(Bench bench, CancellationToken cancellation)
    {
        string tree = bench.Options.Baseline is { } kept ? Path.GetFullPath(kept) : bench.Fleets.NewFolder("earlier");
        if (File.Exists(BuiltTree.LockstepIn(tree)))
        {
            return tree;
        }

        string archive = tree + ".tar";
        Directory.CreateDirectory(tree);
        try
        {
            await Subprocess.RunAsync(Machine.Git("archive", "--format=tar", $"--output={archive}", Commit), cancellation);
            await TarFile.ExtractToDirectoryAsync(archive, tree, overwriteFiles: true, cancellation);
        }
        finally
        {
            File.Delete(archive);
        }

        string configuration = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(BuiltTree.Lockstep)))!;
        var build = new ProcessStartInfo("dotnet", ["build", Path.Combine(tree, "Cli"), "-c", configuration, "-v", "quiet", "-p:RunAnalyzers=false", "-nodeReuse:false", "-p:UseSharedCompilation=false"])
        {
            WorkingDirectory = tree,
            // That commit builds without Aspire's packages only when it is told so.
            Environment = { ["UseAspire"] = "false" },
        };
        await Console.Error.WriteLineAsync($"Building {Commit} in {tree}.");
        await Subprocess.RunAsync(build, cancellation);
        return tree;
    }
}
