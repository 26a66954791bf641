using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>What the row of a job shows.</summary>
internal sealed class JobRow(string jobId, TimeProvider time)
{
    public const string StateProperty = "lockstep.job.state";
    public const string RunFolderProperty = "lockstep.job.run";

    /// <summary>Aspire's: below which row this one stands.</summary>
    private const string ParentProperty = "resource.parentName";

    /// <summary>A rate over less says little.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(2);

    private readonly DateTime _seen = time.GetUtcNow().UtcDateTime;
    private DateTime? _started;
    private DateTime? _ended;
    private (long Step, long At)? _from;
    private double? _samplesPerSecond;

    public JobResource Resource { get; } = new(jobId);

    /// <value>Last shown; null: nothing yet.</value>
    public JobState? State { get; private set; }

    /// <param name="urls">Of the job, by their text.</param>
    /// <returns>What makes a snapshot of it.</returns>
    /// <param name="scheduler">Its row, by name and by the name that the orchestrator gave it.</param>
    public Func<CustomResourceSnapshot, CustomResourceSnapshot> Show(FleetJob job, (string Name, string Id) scheduler, IReadOnlyList<(string Text, string Url)> urls)
    {
        JobStatus status = job.Status;
        State = status.State;
        Measure(job);
        _started ??= status.State is JobState.Checking or JobState.Running || status.Step > 0 ? time.GetUtcNow().UtcDateTime : null;
        _ended ??= status.State.IsOver() ? time.GetUtcNow().UtcDateTime : null;
        var properties = new List<ResourcePropertySnapshot>
        {
            new(StateProperty, JobWords.Of(status.State)) { DisplayName = "State", IsHighlighted = true, SortOrder = 1 },
            new("lockstep.job.step", Text($"{status.Step} of {status.TotalSteps}")) { DisplayName = "Step", IsHighlighted = true, SortOrder = 2 },
            new("lockstep.job.workers", Text($"{status.Workers}")) { DisplayName = "Workers", IsHighlighted = true, SortOrder = 3 },
            new(ParentProperty, scheduler.Id),
            new(RunFolderProperty, job.RunDirectory) { DisplayName = "Run folder", SortOrder = 6 },
        };
        Add("lockstep.job.samples_per_second", "Samples/s", 4, _samplesPerSecond is { } rate ? Text($"{rate:0}") : null);
        Add("lockstep.job.loss", "Loss", 5, job.Loss is { } loss ? Text($"{loss:0.00000}") : null);
        Add("lockstep.job.error", "Error", 7, status.Error);
        return snapshot => snapshot with
        {
            ResourceType = JobResource.TypeName,
            IconName = "BrainCircuit",
            State = new ResourceStateSnapshot(StateText(status), Style(status.State)),
            CreationTimeStamp = _seen,
            StartTimeStamp = _started,
            StopTimeStamp = _ended,
            Properties = [.. properties],
            Urls = [.. urls.Select((url, index) => new UrlSnapshot(url.Text, url.Url, IsInternal: false) { DisplayProperties = new(url.Text, -index) })],
            Relationships = [new(scheduler.Name, "Parent")],
        };

        void Add(string name, string title, int order, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                properties.Add(new(name, value) { DisplayName = title, IsHighlighted = true, SortOrder = order });
            }
        }
    }

    private void Measure(FleetJob job)
    {
        if (job.Status.State != JobState.Running)
        {
            (_from, _samplesPerSecond) = (null, job.Status.State.IsOver() ? _samplesPerSecond : null);
            return;
        }

        (long step, long at) = _from ??= (job.Status.Step, time.GetTimestamp());
        TimeSpan since = time.GetElapsedTime(at);
        if (job.Status.Step < step)
        {
            _from = (job.Status.Step, time.GetTimestamp());
        }
        else if (since >= Shortest)
        {
            _samplesPerSecond = (job.Status.Step - step) * job.Samples / since.TotalSeconds;
            _from = (job.Status.Step, time.GetTimestamp());
        }
    }

    private static string StateText(JobStatus status) => status.State switch
    {
        JobState.Running => Text($"{status.Step} of {status.TotalSteps}"),
        JobState.Queued => "Queued",
        JobState.Checking => "Checking data",
        JobState.Paused => Text($"Paused at {status.Step}"),
        JobState.Waiting => "Waiting for workers",
        JobState.Finished => KnownResourceStates.Finished,
        JobState.Failed => "Failed",
        JobState.Cancelled => "Cancelled",
        _ => JobWords.Of(status.State),
    };

    private static string? Style(JobState state) => state switch
    {
        JobState.Running => KnownResourceStateStyles.Success,
        JobState.Failed => KnownResourceStateStyles.Error,
        JobState.Waiting => KnownResourceStateStyles.Warn,
        _ => KnownResourceStateStyles.Info,
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
