using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lockstep.Benchmarks;
using Lockstep.Contracts;
using Lockstep.SystemBenchmark.Peers;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Stubs;

namespace Lockstep.SystemBenchmark;

/// <summary>Runs all that the rows need, group by group, the contenders of a group in turns, and writes what they came to.</summary>
internal static class Measurement
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <returns>Whether every row was measured.</returns>
    public static async Task<bool> RunAsync(SystemOptions options, CancellationToken cancellation)
    {
        CheckWritable("--json", options.Json);
        CheckWritable("--plot", options.Plot);
        string machine = await Machine.DescribeAsync(cancellation);
        string? noTorch = options.Rows.SelectMany(row => row.Contenders).Any(c => c.NeedsTorch) ? await TorchPeer.WhyNotAsync(options.Python, cancellation) : null;
        Console.WriteLine(machine);
        Console.WriteLine($"Load before: {ProcessUse.Load()}.{(options.Quick ? " Quick: these figures show that it works, and count for nothing." : "")}");
        var samples = new Samples();
        Contender[] contenders = [.. options.Rows.SelectMany(row => row.Contenders).Distinct()];
        foreach (Contender contender in contenders.Where(c => c.NeedsTorch && noTorch is not null))
        {
            samples.Fail(contender, noTorch!);
        }

        if (noTorch is not null)
        {
            Console.WriteLine($"Rows {string.Join(", ", options.Rows.Where(row => row.Contenders.Any(c => c.NeedsTorch)).Select(row => row.Number))} cannot be measured: {noTorch}");
        }

        string folder = Directory.CreateTempSubdirectory("lockstep-system-").FullName;
        try
        {
            var bench = new Bench(options, folder);
            // What cannot be compared any more is not run.
            foreach (IGrouping<Group, Contender> group in options.Rows.Where(row => row.Contenders.All(c => samples.FailureOf(c) is null)).SelectMany(row => row.Contenders).Distinct().GroupBy(c => c.Group))
            {
                await TakeTurnsAsync(group.Key, [.. group], bench, samples, cancellation);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        RowResult[] results = [.. options.Rows.Select(row => RowResult.Of(row, samples, options, machine))];
        Console.WriteLine();
        foreach (string line in RowTable.Of(results))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine();
        Console.WriteLine($"Load after: {ProcessUse.Load()}; other programs kept {Others(results)} cores busy meanwhile.");
        if (options.Json is { } file)
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(results, Json) + Environment.NewLine, cancellation);
        }

        if (options.Plot is { } plot && Ladder.All.All(c => samples.FiguresOf(c).Any()))
        {
            await File.WriteAllTextAsync(plot, Ladder.Draw(samples), cancellation);
        }

        return results.All(row => row.Missing is null);
    }

    private static async Task TakeTurnsAsync(Group group, IReadOnlyList<Contender> contenders, Bench bench, Samples samples, CancellationToken cancellation)
    {
        int rounds = group.Once ? 1 : bench.Options.Rounds;
        for (int round = 1; round <= rounds; round++)
        {
            // There and back: whoever comes later in a round comes earlier in the next.
            foreach (Contender contender in (round % 2 == 1 ? contenders : contenders.Reverse()).Where(c => samples.FailureOf(c) is null))
            {
                string named = $"{group.Name}, round {round} of {rounds}, {contender.Name}";
                try
                {
                    Figures figures = await bench.RunAsync(contender, cancellation);
                    samples.Add(contender, figures);
                    await Console.Error.WriteLineAsync($"{named}: {string.Join(", ", figures.Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Key} {f.Value:0.###}")))}");
                }
                catch (Exception exception) when (!cancellation.IsCancellationRequested)
                {
                    samples.Fail(contender, $"{contender.Name}: {Short(exception.Message)}");
                    await Console.Error.WriteLineAsync($"{named} failed: {exception}");
                }
            }
        }
    }

    /// <summary>What fits into a cell; the whole of it was written to standard error.</summary>
    private static string Short(string message)
    {
        const int Most = 300;
        string line = message.ReplaceLineEndings(" ");
        return line.Length <= Most ? line : line[..Most] + " …";
    }

    private static string Others(RowResult[] results) => results.Where(row => row.OthersCores is not null).Select(row => row.OthersCores!.Value).ToArray() is { Length: > 0 } cores
        ? string.Create(CultureInfo.InvariantCulture, $"{cores.Min():0.0} to {cores.Max():0.0}")
        : "no";

    /// <summary>Nobody wants to hear at the end of an hour that the file cannot be written.</summary>
    private static void CheckWritable(string option, string? file)
    {
        try
        {
            if (file is not null)
            {
                File.Open(file, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(option, 0, $"{file} cannot be written: {exception.Message}", "Name a file in a folder that is there.");
        }
    }
}
