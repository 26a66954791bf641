using System.Runtime.CompilerServices;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Steps;

/// <summary>The reports of a job, in the order of what they tell: keeps them in the log, and hands them to who watches. All calls but <see cref="WatchAsync"/> and <see cref="Sync"/> are under the coordinator's lock.</summary>
/// <param name="gate">The coordinator's lock.</param>
internal sealed class ReportFeed(JobDescriptor descriptor, Lock gate, ICheckpointFiles files, IShardObserver observer)
{
    private readonly StepLog _log = new(descriptor, files);
    private TaskCompletionSource _more = NewSignal();
    private Exception? _failure;
    private bool _isLoaded;

    /// <value>Nothing more is to be reported.</value>
    public bool IsOver { get; private set; }

    /// <summary>The job begins, or is taken up again: the log stays.</summary>
    /// <param name="version">Where.</param>
    /// <param name="staysOver">What is finished stays so.</param>
    public void Begin(long version, bool isRestored, bool staysOver)
    {
        IsOver = _isLoaded ? IsOver && staysOver : Load(version, isRestored);
        _isLoaded = true;
        _failure = null;
        Pulse();
    }

    /// <summary>Adds a report and tells who watches. In the file first: whoever was told of a number finds the same report under it in another process.</summary>
    /// <param name="isLast">Nothing comes after it.</param>
    public void Publish(StepReport report, bool isLast)
    {
        IsOver |= isLast;
        if (_log.Append(report) is { } failure)
        {
            observer.LogFailed(descriptor.JobId, failure);
        }

        if (IsOver)
        {
            _log.Dispose();
        }

        Pulse();
    }

    /// <inheritdoc cref="StepLog.LedgerOf"/>
    public string? LedgerOf(long step) => _log.LedgerOf(step);

    /// <inheritdoc cref="StepLog.WasEvaluated"/>
    public bool WasEvaluated(long version) => _log.WasEvaluated(version);

    /// <inheritdoc cref="StepLog.EvaluationOf"/>
    public StepReport? EvaluationOf(long version) => _log.EvaluationOf(version);

    /// <inheritdoc cref="StepLog.Prepare"/>
    public void Prepare(StepReport? coming) => _log.Prepare(coming);

    /// <inheritdoc cref="StepLog.Sync"/>
    public void Sync() => _log.Sync();

    /// <summary>The job cannot go on: who watches is told.</summary>
    public void Fail(Exception failure)
    {
        _failure ??= failure;
        _log.Dispose();
        Pulse();
    }

    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw failure is ProtocolException known ? new ProtocolException(known.Error, known.Message) : new InvalidOperationException(failure.Message, failure);
        }
    }

    /// <summary>Reports from number <paramref name="from"/> on, then new ones as they come; ends after the last. Who asks from a number that no report has only learns of the end.</summary>
    public async IAsyncEnumerable<StepReport> WatchAsync(long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long next = Math.Max(0, from);
        while (true)
        {
            IReadOnlyList<StepReport> ready = [];
            (long, long)? older = null;
            Task more;
            lock (gate)
            {
                more = _more.Task;
                if (next < _log.FirstInMemory)
                {
                    older = _log.InFile((int)next);
                }
                else if (next < _log.Count)
                {
                    ready = _log.InMemory((int)next);
                }
                else
                {
                    ThrowIfFailed();
                    if (IsOver)
                    {
                        yield break;
                    }
                }
            }

            if (older is { } place)
            {
                ready = _log.Read(place);
            }
            else if (ready.Count == 0)
            {
                await more.WaitAsync(cancellation);
            }

            foreach (StepReport report in ready)
            {
                yield return report;
                next++;
            }
        }
    }

    private bool Load(long version, bool isRestored)
    {
        try
        {
            return _log.Load(version, isRestored);
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            observer.LogFailed(descriptor.JobId, exception);
            return false;
        }
    }

    private void Pulse()
    {
        _more.TrySetResult();
        _more = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
