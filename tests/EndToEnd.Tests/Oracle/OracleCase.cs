using Lockstep.Contracts.Jobs;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests.Oracle;

/// <summary>What a job of the oracle trains, and with what.</summary>
/// <param name="Optimizer">Its name among <see cref="OracleCover.Optimizers"/>.</param>
/// <param name="Odd">The last batch of an epoch does not divide: it has fewer samples than slots.</param>
/// <param name="Overflows">A sample's label is so far off that its gradient leaves the expected range.</param>
internal sealed record OracleJob(string Optimizer, bool Dropout, bool BatchNorm, bool Odd, bool Clips, bool Overflows)
{
    public override string ToString() => string.Join(' ', new[] { Optimizer, Dropout ? "dropout" : "", BatchNorm ? "batch-norm" : "", Odd ? "odd" : "", Clips ? "clips" : "", Overflows ? "overflows" : "" }.Where(word => word.Length > 0));
}

/// <param name="Resumes">It goes on from a checkpoint in the middle that one worker and one shard left.</param>
internal sealed record OracleCase(OracleJob Job, int Workers, int Shards, bool Resumes)
{
    /// <value>M.</value>
    public const int Slots = ResidentFleet.Workers - 3;

    /// <value>What the case takes of each factor.</value>
    public IReadOnlyList<object> Factors => [Workers, Shards, Job.Optimizer, Job.Dropout, Job.BatchNorm, Job.Odd, Job.Clips, Job.Overflows, Resumes];

    public override string ToString() => $"{Job}, {Workers} workers, {Shards} shards{(Resumes ? ", resumes" : "")}";
}

/// <summary>Pairwise: every two values of two factors meet in a case.</summary>
internal static class OracleCover
{
    private static readonly int[] Workers = [1, 2, 3, 5, OracleCase.Slots, OracleCase.Slots + 3];
    private static readonly int[] Shards = [1, 2, 3];

    public static IReadOnlyDictionary<string, OptimizerSpec> Optimizers { get; } = new SortedDictionary<string, OptimizerSpec>(StringComparer.Ordinal)
    {
        ["sgd"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.01 },
        ["momentum"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.005, Momentum = 0.9, WeightDecay = 1e-3 },
        ["nesterov"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.005, Momentum = 0.9, Nesterov = true },
        ["adam"] = new() { Kind = OptimizerKind.Adam, LearningRate = 0.003 },
        ["adamw"] = new() { Kind = OptimizerKind.AdamW, LearningRate = 0.003, WeightDecay = 0.01 },
        ["adagrad"] = new() { Kind = OptimizerKind.Adagrad, LearningRate = 0.01 },
    };

    /// <value>Two of each optimizer, opposite in all the rest.</value>
    public static IReadOnlyList<OracleJob> Jobs { get; } = [.. Optimizers.Keys.SelectMany((optimizer, row) => new[] { false, true }.Select(opposite => Job(optimizer, row, opposite)))];

    public static IReadOnlyList<OracleCase> Cases { get; } = Build();

    /// <summary>Pairs that cases cover.</summary>
    public static HashSet<(int, object, int, object)> Pairs(IEnumerable<OracleCase> cases) => [.. cases.SelectMany(PairsOf)];

    /// <summary>All values of a factor, by its place in <see cref="OracleCase.Factors"/>.</summary>
    public static IReadOnlyList<object> ValuesOf(int factor) => factor switch
    {
        0 => [.. Workers],
        1 => [.. Shards],
        2 => [.. Optimizers.Keys],
        _ => [false, true],
    };

    // In row 0 nothing is on; in the others each feature is on in another three of five: so every two of them meet in all four ways.
    private static OracleJob Job(string optimizer, int row, bool opposite)
    {
        string[] on = ["", "dbn", "dcv", "dbc", "bnv", "ncv"];
        bool Has(char feature) => on[row].Contains(feature, StringComparison.Ordinal) != opposite;
        return new OracleJob(optimizer, Has('d'), Has('b'), Has('n'), Has('c'), Has('v'));
    }

    private static List<OracleCase> Build()
    {
        OracleCase[] candidates = [.. from workers in Workers from shards in Shards from resumes in new[] { false, true } from job in Jobs select new OracleCase(job, workers, shards, resumes)];
        HashSet<(int, object, int, object)> wanted = Pairs(candidates);
        var cases = new List<OracleCase>();
        while (wanted.Count > 0)
        {
            // The one that covers most of what is left; the first where several do.
            OracleCase best = candidates.MaxBy(c => PairsOf(c).Count(wanted.Contains))!;
            wanted.ExceptWith(PairsOf(best));
            cases.Add(best);
        }

        return cases;
    }

    private static IEnumerable<(int, object, int, object)> PairsOf(OracleCase one)
    {
        IReadOnlyList<object> factors = one.Factors;
        for (int first = 0; first < factors.Count; first++)
        {
            for (int second = first + 1; second < factors.Count; second++)
            {
                yield return (first, factors[first], second, factors[second]);
            }
        }
    }
}
