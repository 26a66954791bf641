using Lockstep.EndToEnd.Tests.Runs;

// Two classes at a time, whatever the machine has: each starts processes that want all of it, and waits half of its time.
[assembly: Xunit.v3.Parallelization(MaxThreads = 2)]
[assembly: AssemblyFixture(typeof(DigitsRuns))]
[assembly: AssemblyFixture(typeof(ResidentFleet))]
