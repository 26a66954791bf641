// What the death of one of two workers costs, beside torchrun: kill → next published step, less the time that the lost slots take the survivor.
using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Recovery;

const int Steps = 120;
const int KillAt = 60;
int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
string root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));
string folder = Directory.CreateTempSubdirectory("lockstep-recovery-").FullName;
JobSpec job = JobFile.Load(Path.Combine(root, "samples/digits/job.yaml"), [$"steps={Steps}", "epochs=null", "slots=8", "globalBatch=256"]);

(_, RunSummary alone) = await RunAsync("alone", 1, 0);
double slotMs = alone.StepMs.P50 / job.Slots;
(_, RunSummary quiet) = await RunAsync("quiet", 2, 0);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"usual step: {alone.StepMs.P50:F1} ms with one worker, {quiet.StepMs.P50:F1} ms with two; a slot {slotMs:F1} ms"));

var stalls = new List<double>();
var peers = new List<double>();
for (int round = 0; round < rounds; round++)
{
    (KilledRun run, RunSummary summary) = await RunAsync($"killed-{round}", 2, KillAt);
    int survivors = run.Next!.SlotsByWorker.GetValueOrDefault("worker-2");
    double stall = run.GapMs - (Math.Max(0, survivors - (job.Slots / 2)) * slotMs);
    bool same = summary.ParametersSha256 == quiet.ParametersSha256;
    stalls.Add(stall);
    string peer = "not measured";
    if (await TorchRun.KillAsync(Path.Combine(folder, $"torchrun-{round}")) is { } torch)
    {
        peers.Add(torch.GapMs);
        peer = string.Create(CultureInfo.InvariantCulture, $"{torch.GapMs:F0} ms, {torch.StepsLost} steps lost");
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round + 1}: next step {run.GapMs:F0} ms after the kill, stall {stall:F0} ms, {summary.StepsRepeated} steps repeated, same model: {same}; torchrun {peer}"));
    if (!same)
    {
        return 1;
    }
}

double ours = Median(stalls);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median stall {ours:F0} ms") + (peers.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", torchrun {Median(peers):F0} ms, ratio {ours / Median(peers):F3}")));
Directory.Delete(folder, recursive: true);
return 0;

async Task<(KilledRun Run, RunSummary Summary)> RunAsync(string name, int workers, long killAt)
{
    var run = new KilledRun("worker-1", killAt);
    TrainingResult result = await TrainingRun.RunAsync(
        new TrainingOptions
        {
            Job = job,
            Output = Path.Combine(folder, name),
            Workers = workers,
            Services = ServiceLocator.Find(AppContext.BaseDirectory, null),
            RedisServerAssembly = Path.Combine(root, "Cli/bin/Release/net10.0/lockstep.dll"),
        },
        run,
        TimeProvider.System,
        CancellationToken.None);
    return (run, result.Summary ?? throw new InvalidOperationException(result.Error));
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
