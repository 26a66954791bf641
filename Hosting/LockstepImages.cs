namespace Lockstep.Hosting;

/// <summary>The services' container images, which an application is published with: docs/deploy.md tells how they are made.</summary>
/// <param name="Scheduler">Such as <c>registry.example/lockstep-scheduler:0.1.0</c>.</param>
/// <param name="ParameterServer">Such as <c>registry.example/lockstep-parameterserver:0.1.0</c>.</param>
public sealed record LockstepImages(string Scheduler, string ParameterServer);
