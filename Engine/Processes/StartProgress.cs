using System.Globalization;

namespace Lockstep.Engine.Processes;

/// <summary>How far the processes of a fleet are that are starting: waited for as long as they get on. Safe for many callers.</summary>
/// <param name="limit">In all.</param>
internal sealed class StartProgress(TimeSpan limit, TimeProvider time)
{
    /// <summary>So long nothing may get on. A process that the machine gives hardly any time still gets on.</summary>
    public static readonly TimeSpan Standstill = TimeSpan.FromSeconds(60);

    /// <summary>Where others are ready by then, they begin without a worker that is not.</summary>
    public static readonly TimeSpan Lateness = TimeSpan.FromSeconds(60);

    /// <summary>Between two lines about what is waited for.</summary>
    private static readonly TimeSpan TellingInterval = TimeSpan.FromSeconds(15);

    /// <summary>Processor time that shows work: to be asked, and to be kept, takes far less between two standstills.</summary>
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Waited> _waited = new(StringComparer.Ordinal);
    private readonly long _began = time.GetTimestamp();
    private long _moved = time.GetTimestamp();
    private long _told = time.GetTimestamp();

    public TimeSpan Elapsed => time.GetElapsedTime(_began);

    /// <summary>Takes note of a process that is ready, or that is not waited for any more.</summary>
    public void Done(string name)
    {
        lock (_gate)
        {
            _waited.Remove(name);
            _moved = time.GetTimestamp();
        }
    }

    /// <summary>Takes note of a process that is not ready.</summary>
    /// <param name="answer">What it says instead.</param>
    /// <param name="work">Processor time that it has had; null: not known.</param>
    /// <returns>Why it is not waited for any longer; null: it is.</returns>
    public string? Look(string name, string answer, TimeSpan? work)
    {
        lock (_gate)
        {
            if (!_waited.TryGetValue(name, out Waited? before) || answer != before.Answer || work - before.Counted >= Work)
            {
                _moved = time.GetTimestamp();
                _waited[name] = new Waited(answer, work ?? before?.Counted ?? TimeSpan.Zero);
            }

            return Elapsed > limit
                ? $"it was not ready after {Seconds(limit)} s"
                : time.GetElapsedTime(_moved) > Standstill ? $"nothing got on for {Seconds(Standstill)} s, {Seconds(Elapsed)} s after the start" : null;
        }
    }

    /// <summary>What is waited for, now and then.</summary>
    /// <returns>Null: it is not time to say so.</returns>
    public string? Tell()
    {
        lock (_gate)
        {
            if (_waited.Count == 0 || time.GetElapsedTime(_told) < TellingInterval)
            {
                return null;
            }

            _told = time.GetTimestamp();
            return $"after {Seconds(Elapsed)} s these are not ready yet: {string.Join("; ", _waited.OrderBy(w => w.Key, StringComparer.Ordinal).Select(w => $"{w.Key} ({w.Value})"))}";
        }
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);

    /// <param name="Counted">Processor time when it last got on.</param>
    private sealed record Waited(string Answer, TimeSpan Counted)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Answer}; {Counted.TotalSeconds:0.0} s of the processor so far");
    }
}
