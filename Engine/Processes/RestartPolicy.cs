namespace Lockstep.Engine.Processes;

/// <summary>What to do about a process that ended by itself.</summary>
/// <param name="Delay">Null: it is given up.</param>
public sealed record RestartDecision(TimeSpan? Delay, string Reason);

/// <summary>Starts again what ended, at once the first time and then with growing pauses; gives up on what does not stay up.</summary>
public static class RestartPolicy
{
    /// <summary>Ends within this time count together.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    /// <summary>So many ends within the window are too many.</summary>
    public const int MostEnds = 8;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <param name="ends">When the process ended before and now, ascending.</param>
    public static RestartDecision Decide(IReadOnlyList<DateTimeOffset> ends)
    {
        DateTimeOffset now = ends[^1];
        int recent = ends.Count(end => now - end <= Window);
        if (recent >= MostEnds)
        {
            return new(null, $"it ended {recent} times within {Window.TotalSeconds:0} s");
        }

        TimeSpan delay = recent == 1 ? TimeSpan.Zero : FirstPause * Math.Pow(2, recent - 2);
        return new(delay < LongestPause ? delay : LongestPause, recent == 1 ? $"the first time within {Window.TotalSeconds:0} s" : $"time {recent} within {Window.TotalSeconds:0} s, of at most {MostEnds - 1}");
    }
}
