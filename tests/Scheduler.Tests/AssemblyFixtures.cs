using Lockstep.Scheduler.Tests.Servers;

[assembly: AssemblyFixture(typeof(DebianRedis))]
[assembly: AssemblyFixture(typeof(EmbeddedGarnet))]
