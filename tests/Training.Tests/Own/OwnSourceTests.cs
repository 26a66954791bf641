using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training.Tests.Own;

public sealed class OwnSourceTests
{
    [Fact]
    public void A_split_holds_out_samples_by_the_seed()
    {
        JobSpec job = OwnJobs.Residual with { Data = OwnJobs.Residual.Data with { Split = 0.25 } };
        using JobData data = Open(job), again = Open(job), other = Open(job with { Seed = 12 });
        Assert.Equal((30, 10), (data.Train.Count, data.Validation!.Count));
        Assert.Equal(40, Firsts(data.Train).Concat(Firsts(data.Validation)).Distinct().Count());
        Assert.Equal(Firsts(data.Train), Firsts(again.Train));
        Assert.NotEqual(Firsts(data.Train), Firsts(other.Train));
        Assert.Equal(data.Fingerprint, again.Fingerprint);
        Assert.NotEqual(data.Fingerprint, other.Fingerprint);

        static float[] Firsts(Abstractions.IDataSource source) => [.. Enumerable.Range(0, (int)source.Count).Select(i => SampleReading.ReadOne(source, i)[0][0])];
    }

    [Fact]
    public void Its_files_and_options_are_part_of_what_the_data_are()
    {
        string path = Path.GetTempFileName();
        try
        {
            JobSpec job = OwnJobs.Residual with { Data = OwnJobs.Residual.Data with { Validation = path } };
            using JobData first = Open(job);
            Assert.Equal(5, first.Validation!.Count);
            File.WriteAllText(path, "other");
            using JobData second = Open(job);
            using JobData third = Open(job with { Data = job.Data with { Options = new Dictionary<string, string> { ["count"] = "39" } } });
            Assert.Equal(3, new[] { first.Fingerprint, second.Fingerprint, third.Fingerprint }.Distinct().Count());
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Contains("There is no such file.", Assert.Throws<InputException>(() => Open(OwnJobs.Residual with { Data = OwnJobs.Residual.Data with { Train = path } })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nan", "job file", "Sample 0 of the data source 'made': the input x has NaN.")]
    [InlineData("class", "job file", "Sample 0 of the data source 'made': the label y is the class 3. Give a class's index: 0 … 2.")]
    [InlineData("throw", "OwnSources.cs", "Reading sample 0 of the data source 'made' failed: InvalidDataException: no sample 0.")]
    public void What_a_source_gives_wrong_is_told_with_its_sample(string fault, string file, string message)
    {
        using JobData data = Open(OwnJobs.BadData(fault));
        InputException exception = Assert.Throws<InputException>(() => SampleReading.ReadOne(data.Train, 0));
        Assert.EndsWith(file, exception.Errors[0].File, StringComparison.Ordinal);
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_that_cannot_be_registered_is_refused()
    {
        var catalog = new ComponentCatalog();
        Assert.Contains("must be a class that is a IDataSource", Assert.Throws<ArgumentException>(() => catalog.AddDataSource("a", typeof(string))).Message, StringComparison.Ordinal);
        Assert.Contains("is no name", Assert.Throws<ArgumentException>(() => catalog.AddDataSource("A b", typeof(MadeSource))).Message, StringComparison.Ordinal);
        catalog.AddDataSource("a", typeof(MadeSource));
        Assert.Contains("is taken", Assert.Throws<ArgumentException>(() => catalog.AddDataSource("a", typeof(MadeSource))).Message, StringComparison.Ordinal);
    }

    private static JobData Open(JobSpec job) => JobData.Open(job, OwnJobs.Catalog, Path.GetTempPath(), TestContext.Current.CancellationToken);
}
