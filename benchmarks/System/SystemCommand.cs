using System.CommandLine;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark;

/// <summary>The command line.</summary>
internal static class SystemCommand
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int BadInput = 2;

    /// <summary>How long the processes that it started may take to stop after Ctrl-C.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    private static readonly Option<bool> Quick = new("--quick") { Description = "Fewer and shorter rounds: shows that all of it works. Its figures are marked and count for nothing." };
    private static readonly Option<string?> Rows = new("--rows") { HelpName = "3,4,…", Description = "Only these; 3 stands for 3.1 as well. Default: all." };
    private static readonly Option<int?> Rounds = new("--rounds") { HelpName = "N", Description = $"Default: {SystemOptions.LeastRounds}, and 2 with --quick." };
    private static readonly Option<Wire> Transport = new("--transport") { HelpName = "grpc|shared", Description = "How the bytes of a step travel. Default: grpc.", DefaultValueFactory = _ => Wire.Grpc };
    private static readonly Option<string> Python = new("--python") { HelpName = "PATH", Description = "An interpreter that has torch. Default: /usr/bin/python3.", DefaultValueFactory = _ => "/usr/bin/python3" };
    private static readonly Option<string?> Baseline = new("--baseline") { HelpName = "DIR", Description = "Folder of the earlier commit of rows 13 and 13.1: it is built there where it is not, and kept. Default: a temporary one." };
    private static readonly Option<string?> Plot = new("--plot") { HelpName = "FILE", Description = "Draws row 12 there, as SVG." };
    private static readonly Option<string?> Json = new("--json") { HelpName = "FILE", Description = "Writes the figures there." };

    /// <param name="tools">Commands of the processes that the benchmark starts of itself.</param>
    public static async Task<int> RunAsync(string[] args, params Command[] tools)
    {
        var root = new RootCommand("Measures Lockstep beside its peers, in turns, in one run.") { Quick, Rows, Rounds, Transport, Python, Baseline, Plot, Json };
        root.SetAction(MeasureAsync);
        foreach (Command tool in tools)
        {
            tool.Hidden = true;
            root.Add(tool);
        }

        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, parsed.Errors.Select(error => error.Message).Append("See --help.")));
            return BadInput;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = StopTimeout });
        }
        catch (InputException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return BadInput;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Interrupted; nothing was written.");
            return Failed;
        }
    }

    private static async Task<int> MeasureAsync(ParseResult parsed, CancellationToken cancellation)
    {
        bool quick = parsed.GetValue(Quick);
        (IReadOnlyList<Row> rows, int rounds) = SystemOptions.Check(parsed.GetValue(Rows), parsed.GetValue(Rounds), quick);
        var options = new SystemOptions
        {
            Rows = rows,
            Quick = quick,
            Rounds = rounds,
            Transport = parsed.GetValue(Transport),
            Python = parsed.GetValue(Python)!,
            Baseline = parsed.GetValue(Baseline),
            Plot = parsed.GetValue(Plot),
            Json = parsed.GetValue(Json),
        };
        if (!OperatingSystem.IsLinux())
        {
            throw new InputException("system", 0, "Processes and the machine's load are read from /proc, which only Linux has.", "Run it on Linux.");
        }

        // Of all processes that are started here: one that cannot have it fails, so that no figure is another transport's.
        Environment.SetEnvironmentVariable(EnvironmentNames.Transport, options.Transport == Wire.Shared ? "shared" : "grpc");
        return await Measurement.RunAsync(options, cancellation) ? Done : Failed;
    }
}
