using System.Text.Json;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>
/// What ps-0 reported of a job, in memory and in a file beside the checkpoints, so that its numbering goes on where another process takes the job up.
/// The file is lines of JSON: which job it is of, then the reports. A line is in the file before anybody is told of it, and on the disk before a checkpoint of its version counts.
/// A disk that does not take a line holds nothing up: it is written with the next one. Callers serialise the calls.
/// </summary>
internal sealed class StepLog(JobDescriptor descriptor, ICheckpointFiles files) : IDisposable
{
    private const string FileName = "reports.jsonl";

    private readonly string _path = Path.Combine(descriptor.CheckpointDirectory, FileName);
    // One a report: as many as a job has steps and evaluations.
    private readonly List<StepReport> _reports = [];
    private readonly Dictionary<long, string> _ledger = [];
    private readonly Dictionary<long, StepReport> _evaluated = [];
    private Stream? _stream;
    private bool _isOurs;
    private long _length;
    private int _written;

    private sealed record Owner(string Job, string Descriptor);

    public int Count => _reports.Count;

    public StepReport this[int number] => _reports[number];

    /// <summary>The line that a step gave at first; null: it was not done yet.</summary>
    public string? LedgerOf(long step) => _ledger.GetValueOrDefault(step);

    public bool WasEvaluated(long version) => _evaluated.ContainsKey(version);

    /// <summary>The evaluation of a version; null: it was not done yet.</summary>
    public StepReport? EvaluationOf(long version) => _evaluated.GetValueOrDefault(version);

    /// <summary>Takes in what a process before this one left of this very job. A torn last line is left out.</summary>
    /// <param name="version">Where the job is taken up: only at its end may it have finished.</param>
    /// <returns>Whether the job was finished. Then, at another version, nothing is taken in: it is another run of it.</returns>
    public bool Load(long version, bool isRestored)
    {
        using FileStream? file = OpenForReading(_path);
        if (file is null)
        {
            return false;
        }

        List<StepReport> reports = [];
        long length = 0;
        foreach ((byte[] line, long end) in Lines(file))
        {
            try
            {
                if (length > 0)
                {
                    reports.Add(StepReport.FromJson(line));
                }
                else if (JsonSerializer.Deserialize<Owner>(line) != Self())
                {
                    return false;
                }
            }
            catch (JsonException)
            {
                break;
            }

            length = end;
        }

        bool finished = reports.Count > 0 && reports[^1].Finished;
        if (finished && !isRestored)
        {
            return false;
        }

        // A process may have gone between its last report and the checkpoint that makes the job whole: what ends the job is done again then.
        finished = finished && version == reports[^1].Version;
        for (int i = 0; i < reports.Count; i++)
        {
            bool isAgain = reports[i].Finished && !(finished && i == reports.Count - 1);
            Take(isAgain ? reports[i] with { Finished = false } : reports[i], isAgain);
        }

        _isOurs = length > 0;
        _length = length;
        _written = reports.Count;
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
        return log.Count == 0 ? (0, first) : (log._reports.Max(r => r.Cursor.Generation), Math.Max(first, log._ledger.Keys.Select(step => step + 1).DefaultIfEmpty(first).Max()));
    }

    /// <param name="isAgain">It is done again: it ended the job, and the checkpoint that goes with that is not there.</param>
    private void Take(StepReport report, bool isAgain)
    {
        _reports.Add(report);
        if (report.Cursor.Attempt == Cursor.Evaluation)
        {
            if (!isAgain && !report.Finished)
            {
                _evaluated.TryAdd(report.Cursor.Step, report);
            }
        }
        else
        {
            _ledger.TryAdd(report.Cursor.Step, report.Ledger);
        }
    }

    private void Write()
    {
        for (; _written < _reports.Count; _written++)
        {
            Stream stream = Open();
            byte[] line = Line(_reports[_written].ToJson());
            stream.Write(line);
            _length += line.Length;
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
            _length = owner.Length;
        }

        _stream.Position = _length;
        return _stream;
    }

    private Owner Self() => new(descriptor.JobId, descriptor.Fingerprint());

    private static byte[] Line(byte[] json) => [.. json, (byte)'\n'];

    private static FileStream? OpenForReading(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The lines that end, each with the place after it.</summary>
    private static IEnumerable<(byte[] Line, long End)> Lines(FileStream file)
    {
        var line = new MemoryStream();
        long end = 0;
        for (int next = file.ReadByte(); next >= 0; next = file.ReadByte())
        {
            end++;
            if (next != '\n')
            {
                line.WriteByte((byte)next);
                continue;
            }

            yield return (line.ToArray(), end);
            line.SetLength(0);
        }
    }
}
