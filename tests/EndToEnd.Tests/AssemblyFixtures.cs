using Lockstep.EndToEnd.Tests.Runs;

// Every test starts processes that want the whole machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(DigitsRuns))]
[assembly: AssemblyFixture(typeof(ResidentFleet))]
