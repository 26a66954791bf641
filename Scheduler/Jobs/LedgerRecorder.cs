using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Jobs;

/// <summary>
/// The ledger of a run: a line that is there is compared with what its step gives when it is done again, a line that is not is added.
/// A run that goes on in another determinism class, where that was accepted, sets the lines beyond its checkpoint aside.
/// </summary>
internal sealed class LedgerRecorder : IDisposable
{
    private readonly string _class;
    private readonly List<UInt128> _lines = [];
    // Lines behind one that is none, by step: they can be compared all the same.
    private readonly Dictionary<long, UInt128> _behind = [];
    private readonly LineFile _file;
    // Of the newest line; null: the ledger does not say.
    private string? _lastClass;
    private bool _beginsPart;

    /// <param name="from">Checkpoint that the run goes on from; null: it goes on from where it was, as a scheduler before has written the lines in this job.</param>
    /// <exception cref="InputException">The ledger is of another determinism class, which nobody accepted.</exception>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public LedgerRecorder(RunFolder run, JobDescriptor descriptor, long? from)
    {
        _class = descriptor.DeterminismClass;
        LedgerLine[] before = File.Exists(run.Ledger) ? [.. File.ReadLines(run.Ledger).Select(LedgerLine.TryFromJson).OfType<LedgerLine>()] : [];
        long keepTo = long.MaxValue;
        if (from is { } version && ClassBeyond(run, before, version) is { } theirs && theirs != _class)
        {
            if (!OtherClass.IsAccepted(theirs, _class, descriptor.AcceptsClass, descriptor.AcceptsCode))
            {
                throw new InputException(run.Path, 0, OtherClass.Problem($"What comes after step {version}", theirs, _class), OtherClass.Remedy(theirs, _class));
            }

            SetAside(run.Superseded, [.. before.Where(line => line.Step > version)], theirs);
            (keepTo, _beginsPart) = (version, true);
        }

        KeptLines kept = KeptLines.Read(run.Ledger, text =>
        {
            LedgerLine line = LedgerLine.FromJson(text);
            if (line.Step > keepTo)
            {
                return false;
            }

            UInt128 hash = Parse(line.Hash);
            if (line.Step != _lines.Count + 1)
            {
                _behind.TryAdd(line.Step, hash);
                return false;
            }

            _lines.Add(hash);
            _lastClass = line.Class ?? _lastClass;
            return true;
        });
        _file = kept.Open();
    }

    /// <value>Lines in a row from the first one.</value>
    public long Count => _lines.Count;

    /// <value>The first step that was done again and did not give its line again; null: none.</value>
    public LedgerContradiction? Contradiction { get; private set; }

    /// <summary>Takes the line of a step.</summary>
    /// <param name="hash">32 hexadecimal digits.</param>
    /// <returns>Why the file does not hold it yet; null: it does, or holds another.</returns>
    public Exception? Add(long step, string hash)
    {
        UInt128 line = Parse(hash);
        UInt128? written = step <= _lines.Count ? _lines[(int)step - 1] : _behind.TryGetValue(step, out UInt128 behind) ? behind : null;
        if (written is { } other && other != line)
        {
            Contradiction ??= new LedgerContradiction(step, StateHash.ToHex(other), StateHash.ToHex(line));
            return null;
        }

        if (step <= _lines.Count)
        {
            return null;
        }

        bool names = _lines.Count == 0 || _beginsPart || (_lastClass is not null && _lastClass != _class);
        _beginsPart = false;
        _lastClass = names ? _class : _lastClass;
        _lines.Add(line);
        return _file.Append(new LedgerLine(step, StateHash.ToHex(line), names ? _class : null).ToJson());
    }

    /// <summary>Writes what waits.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Flush() => _file.Flush();

    public void Dispose() => _file.Dispose();

    /// <summary>The class of the first line beyond a version; where there is none, of that version itself.</summary>
    /// <returns>Null: it is not known, or nothing was computed.</returns>
    private static string? ClassBeyond(RunFolder run, LedgerLine[] lines, long version)
    {
        long last = lines.Any(line => line.Step > version) ? version + 1 : version;
        return lines.LastOrDefault(line => line.Step <= last && line.Class is not null)?.Class
            ?? (version > 0 ? CheckpointSet.ClassOf(run.Checkpoints, version) : null);
    }

    private static void SetAside(string path, LedgerLine[] lines, string theirs)
    {
        if (lines.Length > 0)
        {
            // Each heap of lines says which class it is of.
            lines[0] = lines[0] with { Class = theirs };
            File.AppendAllLines(path, lines.Select(line => line.ToJson()));
        }
    }

    private static UInt128 Parse(string hash) => UInt128.Parse(hash, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

/// <summary>A step that was done again and gave another line than the ledger has.</summary>
/// <param name="Written">In the ledger.</param>
/// <param name="Computed">Now.</param>
internal sealed record LedgerContradiction(long Step, string Written, string Computed);
