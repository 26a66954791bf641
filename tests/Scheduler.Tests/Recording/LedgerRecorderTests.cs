using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Tests.Recording;

/// <summary>The ledger of a run that goes on: its lines are compared, and set aside only where another determinism class was accepted.</summary>
public sealed class LedgerRecorderTests : IDisposable
{
    private const string One = "one class";
    private const string Other = "another class";

    private readonly RunFolder _run = new(Directory.CreateTempSubdirectory("lockstep-").FullName);

    public void Dispose() => Directory.Delete(_run.Path, recursive: true);

    [Fact]
    public void A_line_that_comes_again_is_not_written_again()
    {
        Write(One, null, 1, 20);
        string[] before = File.ReadAllLines(_run.Ledger);

        Write(One, 12, 13, 22);

        Assert.Equal([.. before, Line(21).ToJson(), Line(22).ToJson()], File.ReadAllLines(_run.Ledger));
        Assert.Equal(One, LedgerLine.FromJson(before[0]).Class);
        Assert.All(before.Skip(1), line => Assert.Null(LedgerLine.FromJson(line).Class));
        Assert.False(File.Exists(_run.Superseded));
    }

    [Theory]
    [InlineData(12L)]
    [InlineData(null)]
    public void A_line_that_is_another_is_told_and_the_file_stays(long? from)
    {
        Write(One, null, 1, 20);
        string[] before = File.ReadAllLines(_run.Ledger);
        using (var recorder = new LedgerRecorder(_run, Descriptors.Of(One, from), from))
        {
            Add(recorder, 13, 14);
            Assert.Null(recorder.Contradiction);
            recorder.Add(15, Hash(1500));
            Add(recorder, 16, 21);

            Assert.Equal(new LedgerContradiction(15, Hash(15), Hash(1500)), recorder.Contradiction);
        }

        Assert.Equal([.. before, Line(21).ToJson()], File.ReadAllLines(_run.Ledger));
    }

    [Fact]
    public void Lines_behind_one_that_is_none_are_compared_too()
    {
        Write(One, null, 1, 20);
        string[] lines = File.ReadAllLines(_run.Ledger);
        lines[14] = "#";
        File.WriteAllLines(_run.Ledger, lines);
        using (var right = new LedgerRecorder(_run, Descriptors.Of(One, 10), 10))
        {
            Assert.Equal(14, right.Count);
            Add(right, 11, 20);
            Assert.Null(right.Contradiction);
        }

        Assert.Equal(Enumerable.Range(1, 20).Select(step => Hash(step)), File.ReadLines(_run.Ledger).Select(line => LedgerLine.FromJson(line).Hash));
        File.WriteAllLines(_run.Ledger, lines);
        using var wrong = new LedgerRecorder(_run, Descriptors.Of(One, 10), 10);
        Add(wrong, 11, 17);
        wrong.Add(18, Hash(1800));
        Assert.Equal(18, wrong.Contradiction?.Step);
    }

    [Fact]
    public void Another_class_is_refused_and_nothing_changes()
    {
        Write(One, null, 1, 20);
        string before = File.ReadAllText(_run.Ledger);

        foreach (long from in new[] { 0, 12, 20 })
        {
            InputException refusal = Assert.Throws<InputException>(() => new LedgerRecorder(_run, Descriptors.Of(Other, from), from));
            Assert.Contains($"'{One}'", refusal.Message, StringComparison.Ordinal);
            Assert.Contains($"'{Other}'", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("--accept-class", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, File.ReadAllText(_run.Ledger));
    }

    [Fact]
    public void Another_class_that_was_accepted_sets_aside_what_is_beyond_the_checkpoint()
    {
        Write(One, null, 1, 20);
        Write(Other, 12, 13, 15, accepts: true, offset: 1000);

        LedgerLine[] lines = [.. File.ReadLines(_run.Ledger).Select(LedgerLine.FromJson)];
        Assert.Equal([new LedgerPart(0, 12, One), new LedgerPart(12, 15, Other)], LedgerPart.Of(lines));
        Assert.Equal(Enumerable.Range(1, 12).Select(step => Hash(step)).Concat(Enumerable.Range(1013, 3).Select(step => Hash(step))), lines.Select(line => line.Hash));
        LedgerLine[] aside = [.. File.ReadLines(_run.Superseded).Select(LedgerLine.FromJson)];
        Assert.Equal([new LedgerPart(12, 20, One)], LedgerPart.Of(aside));

        // The second part goes on in its own class, and is compared; the first class is another by now.
        Write(Other, 14, 15, 17, offset: 1000);
        Assert.Throws<InputException>(() => Write(One, 14, 15, 17));
        Write(One, 14, 15, 16, accepts: true);

        Assert.Equal([new LedgerPart(0, 12, One), new LedgerPart(12, 14, Other), new LedgerPart(14, 16, One)], LedgerPart.Of(File.ReadLines(_run.Ledger).Select(LedgerLine.FromJson)));
        Assert.Equal(8 + 3, File.ReadAllLines(_run.Superseded).Length);
    }

    [Fact]
    public void Who_accepts_a_class_that_is_the_same_has_all_lines_compared()
    {
        Write(One, null, 1, 20);

        Write(One, 12, 13, 20, accepts: true);

        Assert.Equal(20, File.ReadAllLines(_run.Ledger).Length);
        Assert.False(File.Exists(_run.Superseded));
    }

    [Fact]
    public void The_next_scheduler_names_the_part_that_the_one_before_began()
    {
        Write(One, null, 1, 12);
        using (new LedgerRecorder(_run, Descriptors.Of(Other, 12, acceptsClass: true), 12))
        {
        }

        Write(Other, null, 13, 14);

        Assert.Equal([new LedgerPart(0, 12, One), new LedgerPart(12, 14, Other)], LedgerPart.Of(File.ReadLines(_run.Ledger).Select(LedgerLine.FromJson)));
    }

    private void Write(string determinismClass, long? from, long first, long last, bool accepts = false, long offset = 0)
    {
        using var recorder = new LedgerRecorder(_run, Descriptors.Of(determinismClass, from, accepts), from);
        Add(recorder, first, last, offset);
        Assert.Null(recorder.Contradiction);
    }

    private static void Add(LedgerRecorder recorder, long first, long last, long offset = 0)
    {
        for (long step = first; step <= last; step++)
        {
            Assert.Null(recorder.Add(step, Hash(step + offset)));
        }
    }

    private static LedgerLine Line(long step) => new(step, Hash(step));

    private static string Hash(long number) => number.ToString("x32", CultureInfo.InvariantCulture);
}
