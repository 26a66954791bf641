using System.Globalization;
using System.Text.Json;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>
/// What ps-0 reported of a job, in a file beside the checkpoints, so that its numbering goes on where another process takes the job up; the newest reports are in memory too.
/// The file is lines of JSON: which job it is of, then the reports. A line is in the file before anybody is told of it, and on the disk before a checkpoint of its version counts.
/// A disk that does not take a line holds nothing up: it is written with the next one. Callers serialise the calls.
/// </summary>
internal sealed class StepLog(JobDescriptor descriptor, ICheckpointFiles files) : IDisposable
{
    /// <summary>Who follows a job as it goes on reads no older reports than these.</summary>
    public const int KeptInMemory = 1024;

    /// <summary>Reports that are read from the file at once.</summary>
    private const int ReadAtOnce = 256;

    private const string FileName = "reports.jsonl";

    private readonly string _path = Path.Combine(descriptor.CheckpointDirectory, FileName);
    // The newest, and all that are not in the file yet.
    private readonly List<StepReport> _recent = [];
    // By number: where the report's line ends in the file.
    private readonly List<long> _ends = [];
    private readonly Dictionary<long, UInt128> _ledger = [];
    // By version: the number of the report of its evaluation.
    private readonly Dictionary<long, int> _evaluated = [];
    private Stream? _stream;
    private bool _isOurs;
    // Bytes of the file that count, and of these the line that says which job it is of.
    private long _length;
    private long _ownerLength;
    private int _generation;

    private sealed record Owner(string Job, string Descriptor);

    public int Count => FirstInMemory + _recent.Count;

    /// <value>Number of the oldest report that <see cref="InMemory"/> gives. Older ones are in the file.</value>
    public int FirstInMemory { get; private set; }

    /// <summary>Reports from a number on that is not below <see cref="FirstInMemory"/>.</summary>
    public IReadOnlyList<StepReport> InMemory(int from) => _recent[(from - FirstInMemory)..];

    /// <summary>Where the file has reports from a number on that is below <see cref="FirstInMemory"/>: some of them, for <see cref="Read"/>.</summary>
    public (long Start, long End) InFile(int from) => (StartOf(from), _ends[Math.Min(FirstInMemory, from + ReadAtOnce) - 1]);

    /// <summary>Reads reports from the file. May be called beside anything else.</summary>
    /// <exception cref="ProtocolException">The file cannot be read, or is not as it was written.</exception>
    public IReadOnlyList<StepReport> Read((long Start, long End) place)
    {
        try
        {
            using FileStream file = OpenForReading();
            file.Position = place.Start;
            List<StepReport> reports = [];
            foreach ((ReadOnlyMemory<byte> line, long end) in LinesOf(file))
            {
                // Only the newest report of a log ends its job. A job that was finished and taken up again has such a line among the older ones.
                reports.Add(StepReport.FromJson(line.Span) with { Finished = false });
                if (place.Start + end >= place.End)
                {
                    return reports;
                }
            }

            throw new EndOfStreamException("it is shorter than it was.");
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception) || exception is JsonException)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {descriptor.JobId}: its reports cannot be read from {_path}: {exception.Message} Leave the files in the run's folder as they are while it trains.");
        }
    }

    /// <summary>The line that a step gave at first; null: it was not done yet.</summary>
    public string? LedgerOf(long step) => _ledger.TryGetValue(step, out UInt128 line) ? StateHash.ToHex(line) : null;

    public bool WasEvaluated(long version) => _evaluated.ContainsKey(version);

    /// <summary>The evaluation of a version; null: it was not done yet.</summary>
    /// <exception cref="ProtocolException">The file cannot be read.</exception>
    public StepReport? EvaluationOf(long version) =>
        !_evaluated.TryGetValue(version, out int number) ? null
        : number >= FirstInMemory ? _recent[number - FirstInMemory]
        : Read((StartOf(number), _ends[number]))[0];

    /// <summary>Takes in what a process before this one left of this very job. A torn last line is left out.</summary>
    /// <param name="version">Where the job is taken up: only at its end may it have finished.</param>
    /// <returns>Whether the job was finished. Then, at another version, nothing is taken in: it is another run of it.</returns>
    public bool Load(long version, bool isRestored)
    {
        if (!File.Exists(_path))
        {
            return false;
        }

        StepReport? newest = null;
        using (FileStream file = OpenForReading())
        {
            try
            {
                foreach ((ReadOnlyMemory<byte> line, long end) in LinesOf(file))
                {
                    if (_length > 0)
                    {
                        newest = StepReport.FromJson(line.Span);
                        // What ends the job is done again, unless it is the newest and the job is whole.
                        Take(newest.Finished ? newest with { Finished = false } : newest, isAgain: newest.Finished);
                        _ends.Add(end);
                        Forget();
                    }
                    else if (JsonSerializer.Deserialize<Owner>(line.Span) != Self())
                    {
                        return false;
                    }
                    else
                    {
                        _ownerLength = end;
                    }

                    _length = end;
                }
            }
            catch (JsonException)
            {
                // Torn, and written again.
            }
        }

        if (newest is { Finished: true } && !isRestored)
        {
            Clear();
            return false;
        }

        _isOurs = _length > 0;
        // A process may have gone between its last report and the checkpoint that makes the job whole.
        bool finished = newest is { Finished: true } && version == newest.Version;
        if (finished)
        {
            _recent[^1] = newest!;
        }

        return finished;
    }

    /// <summary>Adds a report.</summary>
    /// <returns>Why the file does not hold it; null: it does.</returns>
    public Exception? Append(StepReport report)
    {
        Take(report, isAgain: false);
        try
        {
            Write();
            Forget();
            return null;
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            Dispose();
            return exception;
        }
    }

    /// <summary>Sees to it that all reports are in the file, and after them one that nobody was told of yet: <see cref="Append"/> writes it again.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Prepare(StepReport? coming)
    {
        try
        {
            Write();
            if (coming is not null)
            {
                Open().Write(Line(coming.ToJson()));
            }
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Sees to it that what is in the file is on the disk. May be called beside anything else.</summary>
    public void Sync()
    {
        if (File.Exists(_path))
        {
            files.Sync(_path);
        }
    }

    /// <summary>Lets go of the file; the next report opens it again.</summary>
    public void Dispose()
    {
        try
        {
            _stream?.Dispose();
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            // What is not written is written again.
        }

        _stream = null;
    }

    /// <summary>What a job's file tells: the highest generation, and the newest version up to which all steps are reported.</summary>
    public static (int Generation, long Newest) Survey(JobDescriptor descriptor)
    {
        var log = new StepLog(descriptor, CheckpointFiles.Disk);
        log.Load(descriptor.TotalSteps, isRestored: true);
        long first = descriptor.ResumeStep ?? 0;
        return (log._generation, Math.Max(first, log._ledger.Keys.Select(step => step + 1).DefaultIfEmpty(first).Max()));
    }

    /// <param name="isAgain">It is done again: it ended the job, and the checkpoint that goes with that is not there.</param>
    private void Take(StepReport report, bool isAgain)
    {
        _recent.Add(report);
        _generation = Math.Max(_generation, report.Cursor.Generation);
        if (report.Cursor.Attempt == Cursor.Evaluation)
        {
            if (!isAgain && !report.Finished)
            {
                _evaluated.TryAdd(report.Cursor.Step, Count - 1);
            }
        }
        else if (UInt128.TryParse(report.Ledger, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out UInt128 line))
        {
            _ledger.TryAdd(report.Cursor.Step, line);
        }
    }

    /// <summary>Lets go of reports that are in the file and that nobody who follows the job needs any more.</summary>
    private void Forget()
    {
        // Many at once, as the list moves what stays.
        int old = Math.Min(_ends.Count - FirstInMemory, _recent.Count - KeptInMemory);
        if (old >= KeptInMemory)
        {
            _recent.RemoveRange(0, old);
            FirstInMemory += old;
        }
    }

    private void Clear()
    {
        _recent.Clear();
        _ends.Clear();
        _ledger.Clear();
        _evaluated.Clear();
        (FirstInMemory, _length, _ownerLength, _generation) = (0, 0, 0, 0);
    }

    private long StartOf(int number) => number == 0 ? _ownerLength : _ends[number - 1];

    private void Write()
    {
        while (_ends.Count < Count)
        {
            Stream stream = Open();
            byte[] line = Line(_recent[_ends.Count - FirstInMemory].ToJson());
            stream.Write(line);
            _length += line.Length;
            _ends.Add(_length);
        }
    }

    /// <summary>The file, at the end of what counts in it.</summary>
    private Stream Open()
    {
        if (_stream is null)
        {
            files.CreateDirectory(descriptor.CheckpointDirectory);
            if (!_isOurs && File.Exists(_path))
            {
                files.Replace(_path, Enumerable.Range(1, int.MaxValue).Select(number => Path.ChangeExtension(_path, $".{number}.jsonl")).First(path => !File.Exists(path)));
            }

            _stream = files.Open(_path);
            _isOurs = true;
        }

        if (_stream.Length != _length)
        {
            _stream.SetLength(_length);
        }

        if (_length == 0)
        {
            byte[] owner = Line(JsonSerializer.SerializeToUtf8Bytes(Self()));
            _stream.Position = 0;
            _stream.Write(owner);
            _length = _ownerLength = owner.Length;
        }

        _stream.Position = _length;
        return _stream;
    }

    private Owner Self() => new(descriptor.JobId, descriptor.Fingerprint());

    private static byte[] Line(byte[] json) => [.. json, (byte)'\n'];

    private FileStream OpenForReading() => new(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);

    /// <summary>The lines from here on that end, each with the place after it, counted from here. A line is valid until the next one is asked for.</summary>
    private static IEnumerable<(ReadOnlyMemory<byte> Text, long End)> LinesOf(FileStream file)
    {
        byte[] buffer = new byte[1 << 16];
        // What of the buffer is filled, and how many bytes came before it.
        int filled = 0;
        long before = 0;
        for (int read; (read = file.Read(buffer, filled, buffer.Length - filled)) > 0;)
        {
            int begin = 0;
            int searched = filled;
            filled += read;
            for (int end; (end = Array.IndexOf(buffer, (byte)'\n', searched, filled - searched)) >= 0;)
            {
                yield return (buffer.AsMemory(begin, end - begin), before + end + 1);
                begin = searched = end + 1;
            }

            filled -= begin;
            before += begin;
            Buffer.BlockCopy(buffer, begin, buffer, 0, filled);
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * buffer.Length);
            }
        }
    }
}
