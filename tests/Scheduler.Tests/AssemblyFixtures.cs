using Lockstep.Coordination.Tests.Servers;

[assembly: AssemblyFixture(typeof(EmbeddedGarnet))]
