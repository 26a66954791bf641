// Prints the table of benchmarks/README.md in which ours and its peers are measured in turns, and writes it as JSON.
using Lockstep.SystemBenchmark;
using Lockstep.SystemBenchmark.Bare;

return await SystemCommand.RunAsync(args, PlainCommand.Create(), FloorCommand.Create());
