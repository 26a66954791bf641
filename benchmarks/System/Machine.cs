using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Lockstep.Benchmarks;

namespace Lockstep.SystemBenchmark;

/// <summary>What the figures were taken on.</summary>
internal static class Machine
{
    /// <summary>One line: processor, cores, memory, system, runtime and commit.</summary>
    public static async Task<string> DescribeAsync(CancellationToken cancellation)
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
        double memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        string commit = await CommitAsync(cancellation);
        return string.Create(CultureInfo.InvariantCulture, $"{processor}, {Environment.ProcessorCount} cores, {memory:0.#} GiB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {commit}");
    }

    private static async Task<string> CommitAsync(CancellationToken cancellation)
    {
        try
        {
            string text = await Subprocess.RunAsync(Git("describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"), cancellation);
            return $"commit {text.Trim()}";
        }
        catch (InvalidOperationException)
        {
            return "no git commit";
        }
    }

    /// <summary>A call of git in the tree that this was built in.</summary>
    public static ProcessStartInfo Git(params string[] arguments) => new("git", arguments) { WorkingDirectory = BuiltTree.Root };
}
