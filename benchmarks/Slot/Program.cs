using System.Globalization;
using Lockstep.Contracts.Runs;
using Lockstep.Data;
using Lockstep.Slot;
using Lockstep.Training;

// What a slot costs beside torch's own calls on the same shapes, in turns within one run; with --digest the bits of its results, to be compared between two builds.
const string Usage = "Usage: Slot [--digest] [--only PART-OF-A-NAME]";
string[] words = [.. args.Where(arg => arg != "--digest")];
if (words is not ([] or ["--only", _]))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

bool digest = args.Length > words.Length;
SlotCase[] cases = [.. SlotCase.All(Path.Combine(AppContext.BaseDirectory, "samples")).Where(one => words is not ["--only", { } part] || one.Name.Contains(part, StringComparison.Ordinal))];
if (cases.Length == 0)
{
    Console.Error.WriteLine($"No slot has '{words[1]}' in its name. {Usage}");
    return 2;
}

// On a thread of its own, as a worker computes.
var thread = new Thread(() =>
{
    TorchRuntime.UseThreads(1);
    foreach (SlotCase one in cases)
    {
        string cache = DataCache.Find() ?? Path.Combine(Path.GetTempPath(), "lockstep-slot");
        using OpenedData data = DataSets.Open(one.Job.Data, one.Job.Loss, one.Job.Seed, cache, CancellationToken.None);
        using NeuralModel model = NeuralModel.Build(one.Job, data.Train.SampleShape, NeuralModel.OutputsFor(one.Job, data.Train));
        using var ours = new OurSlot(one, model, data.Train);
        if (digest)
        {
            Console.WriteLine($"{one.Name}: {ours.Digest()}");
            continue;
        }

        using var raw = new RawSlot(one, model.Tensors, ours.Values, data.Train);
        Comparison comparison = Comparison.Run(raw, ours);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {one.Name} | {comparison.Forward:F0} + {comparison.Backward:F0} + {comparison.Copy:F0} | {comparison.Raw:F0} | {comparison.Slot:F0} | {comparison.Read:F0} | {comparison.Ratio:F2} | {comparison.Ahead:F2} | {comparison.Load:F0} | {comparison.Allocated / 1024.0:F1} |"));
    }
});
if (!digest)
{
    Console.WriteLine("| slot | torch: forward + backward + copy | torch | slot | of that reading | ratio | ratio, read ahead | load | KiB allocated |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
}

thread.Start();
thread.Join();
return 0;
