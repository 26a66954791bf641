// Prints the table of benchmarks/README.md in which ours and its peers are measured in turns, and writes it as JSON.
using Lockstep.SystemBenchmark;
using Lockstep.SystemBenchmark.Bare;
using Lockstep.SystemBenchmark.Network;
using Lockstep.SystemBenchmark.Stubs;

return await SystemCommand.RunAsync(args, PlainCommand.Create(), FloorCommand.Create(), StubCommand.Create(), WireServerCommand.Create(), WireClientCommand.Create());
