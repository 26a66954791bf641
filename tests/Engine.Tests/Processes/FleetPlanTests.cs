using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Tests.Processes;

/// <summary>Secrets go by the environment, which nobody else sees, and each process has those that it needs.</summary>
public sealed class FleetPlanTests : IDisposable
{
    private const string ApiKey = "an-api-key-of-the-launcher";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-plan-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_embedded_Redis_has_a_password_of_its_own_which_no_argument_shows()
    {
        FleetPlan plan = Plan(), other = Plan();
        PlannedProcess redis = plan.Processes[0];
        string password = redis.Start.Environment[EnvironmentNames.RedisPassword]!;

        Assert.Matches("^[0-9a-f]{64}$", password);
        Assert.NotEqual(password, other.Processes[0].Start.Environment[EnvironmentNames.RedisPassword]);
        Assert.EndsWith($",password={password}", plan.RedisConnection, StringComparison.Ordinal);
        Assert.Equal(plan.RedisConnection, plan.Processes.Single(p => p.Name == FleetPlan.SchedulerName).Start.Environment[EnvironmentNames.RedisConnection]);
        // Of the services only the scheduler knows Redis.
        Assert.All(plan.Processes.Where(p => p.Name != FleetPlan.SchedulerName).Append(plan.Worker(0)), process => Assert.DoesNotContain(EnvironmentNames.RedisConnection, process.Start.Environment.Keys));
        Assert.Equal("", redis.Start.Environment[EnvironmentNames.ApiKey]);
        Assert.DoesNotContain(EnvironmentNames.Secret, redis.Start.Environment.Keys);
        Assert.All(
            plan.Processes.Append(plan.Worker(0)),
            process => Assert.All([.. process.Start.ArgumentList, process.Health.ToString(), process.Name], text => Assert.DoesNotContain(new[] { password, plan.Secret, ApiKey }, secret => text.Contains(secret, StringComparison.Ordinal))));
    }

    private FleetPlan Plan()
    {
        foreach (string service in Services.All)
        {
            File.WriteAllText(Path.Combine(_folder.CreateSubdirectory(service).FullName, $"Lockstep.{service}.dll"), "");
        }

        return new FleetPlan(new FleetOptions
        {
            Services = ServiceLocator.Find(_folder.FullName, _folder.FullName),
            LogDirectory = _folder.FullName,
            Shards = 2,
            Workers = 1,
            RedisServerAssembly = Path.Combine(_folder.FullName, "redis.dll"),
            Queue = "",
            ApiKey = ApiKey,
        });
    }
}
