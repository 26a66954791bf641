using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class SampleJobTests
{
    [Theory]
    [InlineData("digits")]
    [InlineData("driving")]
    [InlineData("fashion-mnist")]
    [InlineData("industrial")]
    [InlineData("medical")]
    [InlineData("risk")]
    [InlineData("text")]
    [InlineData("torchscript")]
    public void A_shipped_job_loads_and_its_data_lie_where_it_says(string name)
    {
        string folder = Path.Combine(Repository.Root, "samples", name);
        JobSpec job = JobFile.Load(Path.Combine(folder, "job.yaml"), []);
        Assert.Equal(name, job.Name);
        Assert.True(Path.IsPathFullyQualified(job.Data.Train));
        if (job.Data.Format == DataFormat.Csv)
        {
            Assert.All(job.Files(), file => Assert.True(file.Path.StartsWith(Path.GetDirectoryName(folder)!, StringComparison.Ordinal) && File.Exists(file.Path), file.Path));
        }

        // As a run folder keeps it.
        Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobFile.Parse(JobWriter.ToYaml(job), "job.yaml", Path.GetTempPath(), [])));
    }

    [Fact]
    public void No_sample_is_forgotten_here() => Assert.Equal(
        ["digits", "driving", "fashion-mnist", "industrial", "medical", "risk", "text", "torchscript"],
        Directory.GetDirectories(Path.Combine(Repository.Root, "samples")).Where(f => File.Exists(Path.Combine(f, "job.yaml"))).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
}
