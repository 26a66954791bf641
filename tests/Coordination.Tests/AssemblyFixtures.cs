using Lockstep.Coordination.Tests.Servers;

[assembly: AssemblyFixture(typeof(DebianRedis))]
[assembly: AssemblyFixture(typeof(EmbeddedGarnet))]
