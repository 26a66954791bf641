// Prints what a step's inner parts take. Arguments are those of BenchmarkDotNet, such as --filter *Encode*.
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lockstep.Kernels;

BenchmarkSwitcher.FromTypes([typeof(KernelBenchmarks), typeof(CodecBenchmarks)]).Run(args.Length > 0 ? args : ["--filter", "*"], DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance)));
