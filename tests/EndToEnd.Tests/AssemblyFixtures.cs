using Lockstep.EndToEnd.Tests.Runs;

// Every test starts processes that want the whole machine.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
[assembly: AssemblyFixture(typeof(DigitsRuns))]
[assembly: AssemblyFixture(typeof(ResidentFleet))]
