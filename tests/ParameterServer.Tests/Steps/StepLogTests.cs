using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Tests.Steps;

/// <summary>The log of a long job: memory holds the newest reports, the file all of them.</summary>
public sealed class StepLogTests : IDisposable
{
    private const int Many = (4 * StepLog.KeptInMemory) + 7;

    private readonly CheckpointFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private JobDescriptor Job => StubGradients.Job(1, 1, 2 * Many) with { CheckpointDirectory = _folder.Path };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Old_reports_are_in_the_file_alone_and_read_as_they_were_written()
    {
        using var log = new StepLog(Job, CheckpointFiles.Disk);
        Fill(log, 0, Many);

        Assert.Equal(Many, log.Count);
        Assert.InRange(Many - log.FirstInMemory, StepLog.KeptInMemory, 2 * StepLog.KeptInMemory);
        AssertHolds(log);
    }

    [Fact]
    public void The_next_process_reads_the_same_and_writes_on()
    {
        using (var before = new StepLog(Job, CheckpointFiles.Disk))
        {
            Fill(before, 0, Many);
        }

        File.AppendAllText(Path.Combine(_folder.Path, "reports.jsonl"), "{\"Cursor\":{\"Gen");
        using var log = new StepLog(Job, CheckpointFiles.Disk);
        Assert.False(log.Load(Many, isRestored: true));
        Assert.Equal((Many, StubLine(5)), (log.Count, log.LedgerOf(5)));
        Assert.True(log.FirstInMemory > 0);
        Fill(log, Many, Many + 3);

        AssertHolds(log);
        Assert.Equal((3, Many + 3L), StepLog.Survey(Job));
    }

    [Fact]
    public void What_the_disk_does_not_take_stays_in_memory_until_it_does()
    {
        var disk = new FullDisk { IsFull = true };
        using var log = new StepLog(Job, disk);
        Fill(log, 0, Many);
        Assert.Equal((0, Many), (log.FirstInMemory, log.Count));

        disk.IsFull = false;
        Fill(log, Many, Many + 1);

        Assert.True(log.FirstInMemory > 0);
        AssertHolds(log);
    }

    [Fact]
    public void A_file_that_somebody_cut_off_is_named()
    {
        using var log = new StepLog(Job, CheckpointFiles.Disk);
        Fill(log, 0, Many);
        (long, long) place = log.InFile(0);
        File.WriteAllText(Path.Combine(_folder.Path, "reports.jsonl"), "");

        var refused = Assert.Throws<ProtocolException>(() => log.Read(place));

        Assert.Equal(ProtocolError.Checkpoint, refused.Error);
        Assert.Contains("reports.jsonl", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_watches_from_the_beginning_is_told_of_every_step()
    {
        var coordinator = new StepCoordinator(Job, TimeProvider.System);
        coordinator.Begin(0, 0, isRestored: false);
        UInt128[] hashes = [.. Enumerable.Range(0, new Core.Layout.ModelLayout(Job.Tensors, 1).ShardBlocks(0)).Select(block => (UInt128)block)];
        for (int step = 0; step < Many; step++)
        {
            var cursor = new Cursor(0, step, 0);
            coordinator.Committed(new CommittedStep(cursor, 0.1, [new SlotReport { Slot = 0, Samples = 1, LossSum = step, ChunkHashes = [] }], ["w"], new StepCounters()), 0, default);
            await coordinator.AnnounceAsync(new ShardAnnouncement(cursor, 0, hashes, 0, 0, 0));
        }

        List<StepReport> reports = await coordinator.WatchAsync(0, Cancellation).Take(Many).ToListAsync(Cancellation);
        Assert.Equal(Enumerable.Range(0, Many).Select(step => ((long)step, (double)step)), reports.Select(report => (report.Cursor.Step, report.Loss)));
        Assert.Equal(Many - 3, (await coordinator.WatchAsync(Many - 3, Cancellation).FirstAsync(Cancellation)).Cursor.Step);
        coordinator.Fail(new InvalidOperationException("over"));
    }

    private static void Fill(StepLog log, int from, int to)
    {
        for (int step = from; step < to; step++)
        {
            log.Append(Report(step));
        }
    }

    private static StepReport Report(int step) => new() { Cursor = new Cursor(step < 10 ? 3 : 0, step, 0), Ledger = StubLine(step), Loss = step * 0.1, SlotWorkers = ["w"] };

    private static string StubLine(int step) => step.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);

    private static void AssertHolds(StepLog log)
    {
        List<StepReport> all = [];
        while (all.Count < log.FirstInMemory)
        {
            all.AddRange(log.Read(log.InFile(all.Count)));
        }

        Assert.Equal(log.FirstInMemory, all.Count);
        all.AddRange(log.InMemory(log.FirstInMemory));
        Assert.Equal(Enumerable.Range(0, log.Count).Select(step => Report(step).ToJson()), all.Select(report => report.ToJson()));
    }

    /// <summary>A disk that takes nothing for a while.</summary>
    private sealed class FullDisk : ICheckpointFiles
    {
        public bool IsFull { get; set; }

        public void CreateDirectory(string path) => CheckpointFiles.Disk.CreateDirectory(path);

        public Stream Create(string path) => CheckpointFiles.Disk.Create(path);

        public Stream Open(string path) => IsFull ? throw new IOException("No space left on device.") : CheckpointFiles.Disk.Open(path);

        public void Sync(string path) => CheckpointFiles.Disk.Sync(path);

        public void Replace(string from, string to) => CheckpointFiles.Disk.Replace(from, to);

        public void Delete(string path) => CheckpointFiles.Disk.Delete(path);

        public void DeleteDirectory(string path) => CheckpointFiles.Disk.DeleteDirectory(path);
    }
}
