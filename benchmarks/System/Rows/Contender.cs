namespace Lockstep.SystemBenchmark.Rows;

/// <summary>Something that is run once a round, beside others, and gives figures.</summary>
/// <param name="Group">Contenders of one group take turns; groups come one after the other.</param>
/// <param name="RunAsync">One run.</param>
internal sealed record Contender(Group Group, string Name, Func<Bench, CancellationToken, Task<Figures>> RunAsync)
{
    /// <value>It needs a Python with torch.</value>
    public bool NeedsTorch { get; init; }

    public bool Equals(Contender? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
}

/// <param name="Once">What it counts is the same in every run: one round is enough.</param>
internal sealed record Group(string Name, bool Once = false);

/// <summary>What one run gave, by name.</summary>
internal sealed class Figures : Dictionary<string, double>
{
    public const string SamplesPerSecond = "samples/s";
    public const string Repeated = "steps repeated";
    public const string FirstStep = "first step, s";
    public const string End = "end, s";
    public const string StepMs = "step, ms";
    public const string MegabytesPerSecond = "MB/s";
    /// <value>What follows is a process's name.</value>
    public const string AllocatedBy = "KB allocated a step by ";

    public Figures() : base(StringComparer.Ordinal)
    {
    }
}

/// <summary>What all contenders gave so far. A contender that failed once has none.</summary>
internal sealed class Samples
{
    private readonly Dictionary<Contender, List<Figures>> _rounds = [];
    private readonly Dictionary<Contender, string> _failures = [];

    public void Add(Contender contender, Figures figures) => RoundsOf(contender).Add(figures);

    public void Fail(Contender contender, string why) => _failures[contender] = why;

    /// <returns>Null: it has not failed.</returns>
    public string? FailureOf(Contender contender) => _failures.GetValueOrDefault(contender);

    /// <summary>A figure in each round.</summary>
    public IReadOnlyList<double> Of(Contender contender, string figure) => [.. RoundsOf(contender).Select(figures => figures[figure])];

    /// <summary>Names of the figures that a contender gave in every round.</summary>
    public IEnumerable<string> FiguresOf(Contender contender) => RoundsOf(contender) is { Count: > 0 } rounds ? rounds[0].Keys.Where(key => rounds.TrueForAll(figures => figures.ContainsKey(key))) : [];

    private List<Figures> RoundsOf(Contender contender) => _rounds.TryGetValue(contender, out List<Figures>? rounds) ? rounds : _rounds[contender] = [];
}
