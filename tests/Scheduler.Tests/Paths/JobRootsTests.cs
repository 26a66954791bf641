using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Runs;
using Lockstep.Scheduler.Paths;
using Lockstep.Scheduler.Tests.Hosting;
using Microsoft.Extensions.Configuration;

namespace Lockstep.Scheduler.Tests.Paths;

public sealed class JobRootsTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public void A_job_of_ones_own_may_name_what_it_names_and_nothing_else()
    {
        // A link is what its owner named, and it may lead anywhere.
        string run = Path.Combine(_folder.Runs, "mine");
        Directory.CreateSymbolicLink(run, _folder.Data);
        JobSpec job = _folder.Job(_folder.In("data/a:b;c.csv"));
        // As environment variables become configuration.
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(JobRoots.Of(job, run).Select(r => KeyValuePair.Create(r.Key.Replace("__", ":", StringComparison.Ordinal), (string?)r.Value))).Build();
        AllowedPaths paths = AllowedPaths.From(configuration);
        Assert.Empty(paths.Check(job));
        Assert.Single(paths.Check(_folder.Job()));
        Assert.Equal(run, paths.RunDirectory(run, "id"));
    }

    public void Dispose() => _folder.Dispose();
}
