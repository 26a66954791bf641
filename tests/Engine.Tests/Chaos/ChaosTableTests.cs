using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Chaos;

namespace Lockstep.Engine.Tests.Chaos;

public sealed class ChaosTableTests
{
    [Fact]
    public void Has_a_row_a_fault_with_the_first_that_was_said_of_it()
    {
        var verdict = new ChaosVerdict(
            true,
            [new(FaultKind.Kill, new(1, 5, FaultPhase.PushInChunk), "worker-0"), new(FaultKind.Scale, new(2, 9, null), "to 2 workers")],
            Percentiles.Of([120]),
            3,
            0.876)
        {
            Recoveries = [120, null],
            Said = [["worker-0 left", "a | b", "worker-0 joined", "too late"], []],
            Ledgers = new LedgerComparison(40, null),
        };

        Assert.Equal(
            """
            | Fault | Target | Step | Next step after (s) | What was said of it |
            |---|---|---|---|---|
            | kill | worker-0 | 5 at push-in-chunk | 0.12 | worker-0 left<br>a \| b<br>worker-0 joined |
            | scale | to 2 workers | 9 | – |  |

            2 faults; ledger the same in all 40 lines; 3 steps repeated; goodput 0.88.

            """,
            ChaosTable.Of(verdict));
    }
}
