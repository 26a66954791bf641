using Lockstep.Contracts.Services;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Engine.Processes;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>The network part of a step of 64 MB with two workers: contributions up, values down, nothing computed, and an echo of the same frames.</summary>
internal static class WireRuns
{
    private const long Bytes = 64 << 20;
    private const int Workers = 2;
    private const double Megabyte = 1 << 20;

    public static Contender Ours(Group group) => new(group, "streams of two workers", (bench, cancellation) => MeasureAsync(bench, [], cancellation));

    public static Contender Echo(Group group) => new(group, "two echoes", (bench, cancellation) => MeasureAsync(bench, ["--echo"], cancellation));

    private static async Task<Figures> MeasureAsync(Bench bench, string[] how, CancellationToken cancellation)
    {
        await using var server = Start(WireServerCommand.Name, Text(Bytes), Text(Workers));
        string address = await FigureAsync(server, cancellation);
        await using var first = Client(0);
        await using var second = Client(1);
        string[] rounds = await Task.WhenAll(FigureAsync(first, cancellation), FigureAsync(second, cancellation));
        // Each round, each worker sends and takes as much.
        return new Figures { [Figures.MegabytesPerSecond] = rounds.Sum(ms => 2 * Bytes / Megabyte / double.Parse(ms, CultureInfo.InvariantCulture) * 1000) };

        Subprocess Client(int number) => Start([WireClientCommand.Name, address, Text(Bytes), $"worker-{Text(number)}", Text(bench.StubWindow.Warm.TotalSeconds), Text(bench.StubWindow.Length.TotalSeconds), .. how]);
    }

    private static Subprocess Start(params string[] arguments) => new(DotnetHost.Start(typeof(WireRuns).Assembly.Location, arguments, []));

    private static async Task<string> FigureAsync(Subprocess process, CancellationToken cancellation)
    {
        if (await process.ReadLineAsync(cancellation) is { } line)
        {
            return line;
        }

        await process.WaitAsync(cancellation);
        throw new InvalidOperationException("A process ended without a figure.");
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
