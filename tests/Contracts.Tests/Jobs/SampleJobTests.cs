using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class SampleJobTests
{
    [Theory]
    [InlineData("digits")]
    [InlineData("driving")]
    [InlineData("fashion-mnist")]
    [InlineData("medical")]
    [InlineData("text")]
    public void A_shipped_job_loads_and_its_data_lie_where_it_says(string name)
    {
        string folder = Path.Combine(Repository.Root, "samples", name);
        JobSpec job = JobFile.Load(Path.Combine(folder, "job.yaml"), []);
        Assert.Equal(name, job.Name);
        Assert.True(Path.IsPathFullyQualified(job.Data.Train));
        if (job.Data.Format == DataFormat.Csv)
        {
            Assert.Equal(folder, Path.GetDirectoryName(job.Data.Train));
            Assert.True(File.Exists(job.Data.Train));
        }

        // As a run folder keeps it.
        Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobFile.Parse(JobWriter.ToYaml(job), "job.yaml", Path.GetTempPath(), [])));
    }

    [Fact]
    public void No_sample_is_forgotten_here() => Assert.Equal(
        ["digits", "driving", "fashion-mnist", "medical", "text"],
        Directory.GetDirectories(Path.Combine(Repository.Root, "samples")).Where(f => File.Exists(Path.Combine(f, "job.yaml"))).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
}
