using System.Globalization;
using Lockstep.Contracts;
using Lockstep.SystemBenchmark.Bare;
using Lockstep.SystemBenchmark.Network;
using Lockstep.SystemBenchmark.Peers;
using Lockstep.SystemBenchmark.Runs;
using Lockstep.SystemBenchmark.Stubs;
using static Lockstep.SystemBenchmark.Rows.Figures;

namespace Lockstep.SystemBenchmark.Rows;

/// <summary>All rows of the table, with the contenders that they share.</summary>
internal static class RowCatalog
{
    private const string Rate = "samples/s";

    public static IReadOnlyList<Row> All { get; } = Create();

    /// <param name="numbers">With commas between them; a whole number stands for its parts as well. Null: all.</param>
    /// <exception cref="InputException">There is no such row.</exception>
    public static IReadOnlyList<Row> Find(string? numbers)
    {
        if (numbers is null)
        {
            return All;
        }

        string[] wanted = numbers.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string[] unknown = [.. wanted.Where(number => !All.Any(row => IsPart(row, number)))];
        return unknown.Length == 0 && wanted.Length > 0
            ? [.. All.Where(row => wanted.Any(number => IsPart(row, number)))]
            : throw new InputException("--rows", 0, wanted.Length == 0 ? "No row is named." : $"There is no row {string.Join(", ", unknown)}.", $"The rows are {string.Join(", ", All.Select(row => row.Number))}.");
    }

    private static bool IsPart(Row row, string number) => row.Number == number || row.Number.StartsWith(number + ".", StringComparison.Ordinal);

    /// <summary>A step of which nothing is computed, over gloo and Adam of that size.</summary>
    private static Row Synchronisation(string number, string what, long bytes, int slots, Target? grpc, Target shared)
    {
        var group = new Group(string.Create(CultureInfo.InvariantCulture, $"synchronisation of {bytes} bytes, M={slots}"));
        return new(number, $"{what}: encode, push, sum, Adam and pull with two workers, over gloo's all-reduce and torch's Adam of that size", "ms", Quantity.Of(StubRuns.OfTwoProcesses(group, bytes, slots), StepMs), Quantity.Of(TorchPeer.SyncAdam(group, bytes), StepMs), false, grpc, shared);
    }

    private static List<Row> Create()
    {
        var large = new ModelContenders("mlp-2048", 2048);
        var small = new ModelContenders("mlp-512", 512);
        var images = new Group("fashion-mnist");
        TrainedJob cnn = TrainedJob.Sample("fashion-mnist");
        Contender cnn1 = cnn.Contender(images, 1);
        Contender cnn2 = cnn.Contender(images, 2);
        var digits = new Group("digits");
        TrainedJob digitsJob = TrainedJob.Sample("digits");
        Contender digits1 = digitsJob.Contender(digits, 1);
        Contender digits2 = digitsJob.Contender(digits, 2);
        Contender digitsPlain = PlainCommand.Contender(digits, digitsJob);
        var samples = new Group("samples", Once: true);
        IReadOnlyList<Contender> whole = [.. new[] { "digits", "medical", "driving", "fashion-mnist" }.Select(name => TrainedJob.Sample(name).WholeRun(samples, 2))];
        var network = new Group("network");
        var formats = new Group("16 bits and 32");
        Contender memory = ShardMemory.Contender(new Group("memory"));
        var commands = new Group("commands");
        Contender command = CommandRuns.Ours(commands);
        Contender earlier = CommandRuns.Earlier(commands);
        return
        [
            Synchronisation("1", "64 MB", 64 << 20, 2, null, new(0.35, 0.25)),
            Synchronisation("2", "4 MB", 4 << 20, 2, null, new(0.35, 0.2)),
            Synchronisation("2.1", "0.25 MB", 256 << 10, 2, null, new(0.6, 0.4)),
            large.OverDdp("3", new(0.8, 1.1), new(1.4, 1.8)),
            large.OverFloor("3.1", new(0.8, 0.9)),
            small.OverDdp("4", new(1.1, 1.4), new(1.5, 2.0)),
            small.OverFloor("4.1", new(0.7, 0.85)),
            small.SpeedUp("5", new(1.4, 1.7), new(1.4, 1.7)),
            new("5.1", "fashion-mnist's CNN (M = 8): two workers over one", Rate, Quantity.Of(cnn2, SamplesPerSecond), Quantity.Of(cnn1, SamplesPerSecond), true, new(1.6, 1.8), new(1.6, 1.8)),
            large.SpeedUp("5.2", null, new(1.6, 1.8)),
            small.OverPlain("6", new(0.85, 0.95), new(0.85, 0.95)),
            new("6.1", "digits (M = 8): one worker over a plain TorchSharp loop", Rate, Quantity.Of(digits1, SamplesPerSecond), PlainCommand.Rate(digitsPlain), true, new(0.75, 0.9), new(0.75, 0.9)),
            large.OverPlain("6.2", null, new(0.9, 0.95)),
            new("7", "network part of a 64 MB step with two workers, over an echo of the same frames over the same stack", "MB/s", Quantity.Of(WireRuns.Ours(network), MegabytesPerSecond), Quantity.Of(WireRuns.Echo(network), MegabytesPerSecond), true, new(0.8, 0.9), new(0.8, 0.9)),
            new("8", "64 MB: contributions of 16 bits and pulls of bfloat16 over 32 bits and float32, otherwise as row 1", "ms", Quantity.Of(StubRuns.OfTwoProcesses(formats, 64 << 20, 2, bits: 16), StepMs), Quantity.Of(StubRuns.OfTwoProcesses(formats, 64 << 20, 2), StepMs), false, new(0.65, 0.55), null),
            new("9", "managed allocation a step, of the process that allocates most", "KB", Quantity.Largest([large.Two, small.Two, digits2], AllocatedBy), null, false, new(64, 8), new(64, 8)),
            Synchronisation("10", "150 KB in 8 slots", 150_000, 8, new(1.5, 0.8), new(1.5, 0.8)),
            new("11", "steps repeated, in all runs of the samples and of rows 3 and 4", "steps", Quantity.Total([.. whole, large.Two, large.TwoOfEight, small.Two, small.TwoOfEight], Repeated), null, false, new(0, 0), new(0, 0)),
            new("12", "a step's overhead over 0.25 to 256 MB, and over 1 to 16 stub workers of one process: largest deviation from a straight line", "of the line", Ladder.Deviation(Ladder.Sizes, Ladder.Fleets), null, false, new(0.15, null), new(0.15, null)) { Beside = [new("by size", Ladder.Deviation(Ladder.Sizes), null), new("by workers", Ladder.Deviation(Ladder.Fleets), null)] },
            new("13", $"digits, two workers, whole command over that of {EarlierBuild.Commit}: time to the first step", "s", Quantity.Of(command, FirstStep), Quantity.Of(earlier, FirstStep), false, new(0.8, 0.6), new(0.8, 0.6)),
            new("13.1", "the same: time to the end", "s", Quantity.Of(command, End), Quantity.Of(earlier, End), false, new(0.4, 0.25), new(0.4, 0.25)),
            new("14", "peak memory of a shard in steady state at 64 MB with Adam, beyond that at 0.25 MB and beyond weights, optimizer state, one sum and two published copies", "MB", Quantity.Of(memory, ShardMemory.Steady), null, false, null, new(64, 32)) { Beside = [new("step 0", Quantity.Of(memory, ShardMemory.First), null), new("while a checkpoint is written", Quantity.Of(memory, ShardMemory.Checkpoint), null)] },
        ];
    }

    /// <summary>One MLP with everything that it is compared with.</summary>
    private sealed class ModelContenders
    {
        private readonly string _model;
        private readonly Contender _one;
        private readonly Contender _oneOfEight;
        private readonly Contender _ddp;
        private readonly Contender _floor;
        private readonly Contender _plain;
        private readonly Contender _plainOfEight;

        public ModelContenders(string job, int hidden)
        {
            _model = $"MLP 784-{hidden}-{hidden}-10";
            var group = new Group(job);
            TrainedJob two = TrainedJob.Own(job, slots: 2);
            TrainedJob eight = TrainedJob.Own(job, slots: 8);
            (_one, Two) = (two.Contender(group, 1), two.Contender(group, 2));
            (_oneOfEight, TwoOfEight) = (eight.Contender(group, 1), eight.Contender(group, 2));
            _ddp = TorchPeer.Ddp(group, hidden);
            _floor = FloorCommand.Contender(group, two);
            (_plain, _plainOfEight) = (PlainCommand.Contender(group, two), PlainCommand.Contender(group, eight));
        }

        public Contender Two { get; }

        public Contender TwoOfEight { get; }

        public Row OverDdp(string number, Target grpc, Target shared) => new(number, $"{_model}, batch 512, M = 2: two workers over PyTorch DDP (gloo, two processes)", Rate, RateOf(Two), RateOf(_ddp), true, grpc, shared) { Beside = [new("M = 8", RateOf(TwoOfEight), RateOf(_ddp))] };

        public Row OverFloor(string number, Target shared) => new(number, $"{_model}, the same over two bare processes that compute 256 samples' gradients", Rate, RateOf(Two), RateOf(_floor), true, null, shared) { Beside = [new("M = 8", RateOf(TwoOfEight), RateOf(_floor))] };

        public Row SpeedUp(string number, Target? grpc, Target shared) => new(number, $"{_model}, M = 2: two workers over one", Rate, RateOf(Two), RateOf(_one), true, grpc, shared) { Beside = [new("M = 8", RateOf(TwoOfEight), RateOf(_oneOfEight))] };

        public Row OverPlain(string number, Target? grpc, Target shared) => new(number, $"{_model}, M = 2: one worker over a plain TorchSharp loop", Rate, RateOf(_one), PlainCommand.Rate(_plain), true, grpc, shared) { Beside = [new("M = 8", RateOf(_oneOfEight), PlainCommand.Rate(_plainOfEight))] };

        private static Quantity RateOf(Contender contender) => Quantity.Of(contender, SamplesPerSecond);
    }
}
