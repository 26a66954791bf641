using System.CommandLine;
using System.Text.Json;
using Lockstep.Engine.Doctor;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep doctor</c>: what is wrong with this machine, and what to do about it.</summary>
internal static class DoctorCommand
{
    private const int UpPort = 5080;
    private const string MemoryFile = "/proc/meminfo";
    private const string LimitsFile = "/proc/self/limits";

    private static readonly JsonSerializerOptions Layout = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly Option<bool> Json = new("--json") { Description = "Write the findings as JSON." };

    public static Command Create()
    {
        var command = new Command("doctor", "Look what is wrong with this machine: libraries, memory, disk, ports, Redis, GPU; each with its remedy. Ends with 1 where no run would work.") { RunOptions.Redis, Json };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var programs = new ProgramChecks(typeof(DoctorCommand).Assembly.Location, TimeProvider.System);
        Finding[] findings =
        [
            .. await programs.WorkerAsync(cancellation),
            MachineChecks.Memory(ReadIfThere(MemoryFile), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
            MachineChecks.Disk(Environment.CurrentDirectory),
            MachineChecks.SharedMemory("/dev/shm"),
            MachineChecks.OpenFiles(ReadIfThere(LimitsFile)),
            MachineChecks.LoopbackPorts(UpPort),
            await programs.RedisAsync(parsed.GetValue(RunOptions.Redis), cancellation),
            await programs.CertificateAsync(cancellation),
        ];
        if (parsed.GetValue(Json))
        {
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(findings, Layout));
        }
        else
        {
            foreach (Finding finding in findings)
            {
                await Console.Out.WriteLineAsync($"{Mark(finding.Kind),-8}{finding.Subject}: {finding.Text}");
                if (finding.Remedy.Length > 0)
                {
                    await Console.Out.WriteLineAsync($"{"",-8}{finding.Remedy}");
                }
            }
        }

        return findings.Any(finding => finding.Kind == FindingKind.Fault) ? ExitCodes.Failed : ExitCodes.Done;
    }

    private static string Mark(FindingKind kind) => kind switch
    {
        FindingKind.Good => "good",
        FindingKind.Warning => "warning",
        _ => "FAULT",
    };

    private static string? ReadIfThere(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
