using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>Everything at once, by chance: workers are killed, replaced and frozen at any message, streams break, slots are overdue all the time.</summary>
public sealed class StormTests
{
    private static readonly StubJob[] Jobs = [.. new[] { "everything", "everything in half" }.Select(name => Cases.All[name] with { TotalSteps = 8 })];

    [Fact]
    public async Task Every_stormy_run_has_the_quiet_ledger()
    {
        var seen = new Storm.Counts();
        foreach (int seed in Enumerable.Range(0, 12))
        {
            StubJob job = Jobs[seed % Jobs.Length];
            using var folder = new TemporaryFolder();
            await using var swarm = new Swarm(job, 1 + (seed % 3), folder.Path, new FastTime(50));
            var storm = new Storm(swarm, seed);
            for (int i = 0; i < 2 + (seed % 4); i++)
            {
                storm.Hire();
            }

            IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
            Ledger.Equal($"storm {seed}", await QuietRun.LedgerAsync(job), Ledger.Of(reports));
            Assert.Equal(0, reports.Sum(r => r.Mismatched));
            seen = seen.Plus(storm.Seen with
            {
                Duplicates = reports.Sum(r => r.Duplicate),
                Refused = reports.Sum(r => r.Refused),
                Late = reports.Sum(r => r.Stale),
                GrantedAgain = (int)reports.Sum(r => r.GrantedAgain),
                Escapes = reports.Where(r => r.Cursor.Step > 0).Sum(r => r.EscapedBlocks),
            });
        }

        // What never happened was not tested.
        Assert.True(seen.All(count => count > 0), seen.ToString());
    }

    private sealed class Storm(Swarm swarm, int seed) : IWire
    {
        private readonly Random _random = new(seed);
        private readonly HashSet<string> _dead = [];
        private int _named;

        public Counts Seen { get; private set; } = new();

        public void Hire() => swarm.Hire($"w{_named++}", this, tolerant: true).Start();

        public async Task BeforeAsync(Message message, CancellationToken cancellation)
        {
            int frozenMs = 0;
            lock (_random)
            {
                if (_dead.Contains(message.Worker))
                {
                    throw new KilledException();
                }

                int choice = _random.Next(1000);
                if (choice < 4 && _named < 40)
                {
                    Seen = Seen with { Killed = Seen.Killed + 1 };
                    _dead.Add(message.Worker);
                    Hire();
                    throw new KilledException();
                }

                if (choice is >= 7 and < 27)
                {
                    Seen = Seen with { Frozen = Seen.Frozen + 1 };
                    frozenMs = _random.Next(1, 12);
                }
            }

            if (frozenMs > 0)
            {
                await Task.Delay(frozenMs, cancellation);
            }
        }

        public bool Breaks(Message message)
        {
            lock (_random)
            {
                bool breaks = _random.Next(150) == 0;
                Seen = Seen with { Broken = Seen.Broken + (breaks ? 1 : 0) };
                return breaks;
            }
        }

        public sealed record Counts
        {
            public int Killed { get; init; }
            public int Frozen { get; init; }
            public int Broken { get; init; }
            public int Duplicates { get; init; }
            public int Refused { get; init; }
            public int Late { get; init; }
            public int GrantedAgain { get; init; }
            public int Escapes { get; init; }

            public Counts Plus(Counts o) => new()
            {
                Killed = Killed + o.Killed,
                Frozen = Frozen + o.Frozen,
                Broken = Broken + o.Broken,
                Duplicates = Duplicates + o.Duplicates,
                Refused = Refused + o.Refused,
                Late = Late + o.Late,
                GrantedAgain = GrantedAgain + o.GrantedAgain,
                Escapes = Escapes + o.Escapes,
            };

            public bool All(Func<int, bool> holds) => new[] { Killed, Frozen, Broken, Duplicates, Refused, Late, GrantedAgain, Escapes }.All(holds);
        }
    }
}
