using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Runs;

namespace Lockstep.SystemBenchmark;

/// <summary>What a contender is given: how long to measure, and where to put what it writes.</summary>
internal sealed class Bench(SystemOptions options, string folder)
{
    /// <value>A figure of every run: cores that other programs kept busy meanwhile.</value>
    public const string OthersCores = "cores of others";

    private int _runs;

    public SystemOptions Options { get; } = options;

    public FleetRuns Fleets { get; } = new(folder);

    public SteadyWindow Window { get; } = options.Quick ? SteadyWindow.Quick : SteadyWindow.Full;

    /// <value>Of steps of which nothing is computed: they are short, and their code is soon compiled.</value>
    public SteadyWindow StubWindow { get; } = options.Quick ? SteadyWindow.Quick : SteadyWindow.Stub;

    /// <summary>A path in this run's folder at which nothing is.</summary>
    public string NewPath(string name) => Path.Combine(folder, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{++_runs}-{name}"));

    /// <summary>Runs a contender, and looks at what else the machine did.</summary>
    public async Task<Figures> RunAsync(Contender contender, CancellationToken cancellation)
    {
        long start = TimeProvider.System.GetTimestamp();
        (double machine, double own) = (ProcessUse.MachineCpuSeconds(), ProcessUse.TreeCpuSeconds());
        Figures figures = await contender.RunAsync(this, cancellation);
        double others = ProcessUse.MachineCpuSeconds() - machine - (ProcessUse.TreeCpuSeconds() - own);
        figures[OthersCores] = Math.Max(0, others / TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        return figures;
    }
}
