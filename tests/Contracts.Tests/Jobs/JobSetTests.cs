using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobSetTests
{
    [Fact]
    public void Sets_what_is_there_and_what_is_not()
    {
        JobSpec job = JobText.Read(JobText.Plain, "epochs=3", "optimizer.learningRate=0.5", "optimizer.kind=sgd", "metrics=[mae, rmse]", "model.hidden=[4, 5]", "seed=18446744073709551615", "workers={min: 3}");
        Assert.Equal((3, 0.5, OptimizerKind.Sgd, ulong.MaxValue, 3), (job.Epochs, job.Optimizer.LearningRate, job.Optimizer.Kind, job.Seed, job.Workers.Min));
        Assert.Equal([MetricKind.Mae, MetricKind.Rmse], job.Metrics);
        Assert.Equal([4, 5], job.Model.Hidden);
    }

    [Fact]
    public void The_last_of_several_counts() => Assert.Equal(7, JobText.Read(JobText.Plain, "epochs=5", "epochs=7").Epochs);

    [Fact]
    public void Nothing_takes_a_key_away()
    {
        JobSpec job = JobText.Read(JobText.Plain, "epochs=", "steps=9");
        Assert.Equal((null, 9), (job.Epochs, job.Steps));
    }

    [Fact]
    public void Steps_of_an_option_take_the_place_of_the_files_epochs()
    {
        JobSpec job = JobText.Read(JobText.Plain, "steps=9");
        Assert.Equal((null, 9), (job.Epochs, job.Steps));
        Assert.StartsWith("Both 'epochs' and 'steps'", Assert.Single(JobText.Errors(JobText.Plain, "steps=9", "epochs=2")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_may_hold_equal_signs() =>
        Assert.Equal("a=b.csv", Path.GetFileName(JobText.Read(JobText.Plain, "data.train=a=b.csv").Data.Train));

    [Fact]
    public void A_path_of_an_option_is_taken_from_the_current_folder_and_one_of_the_file_from_the_files()
    {
        DataSpec data = JobText.Read(JobText.Plain, "data.validation=held/out.csv").Data;
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "held", "out.csv"), data.Validation);
        Assert.Equal(Path.Combine(JobText.Folder, "data.csv"), data.Train);
        Assert.Equal(Path.GetFullPath("/elsewhere/data.csv"), JobText.Read(JobText.Changed("data.csv", "/elsewhere/data.csv")).Data.Train);
    }

    [Theory]
    [InlineData("epochs", "--set", "'epochs' is no key=value.", "Write keys with dots between them")]
    [InlineData("=3", "--set", "'=3' is no key=value.", "Write keys with dots between them")]
    [InlineData("optimizer..kind=sgd", "--set", "'optimizer..kind=sgd' is no key=value.", "Write keys with dots between them")]
    [InlineData("epochs=none", "--set epochs=none", "'epochs' is 'none'.", "Give a whole number, 1 or more")]
    [InlineData("epochz=3", "--set epochz=3", "There is no key 'epochz'.", "Did you mean 'epochs'?")]
    [InlineData("optimizer.rate=3", "--set optimizer.rate=3", "There is no key 'rate' in 'optimizer'.", "The keys are kind, learningRate,")]
    [InlineData("metrics=[mae", "--set metrics=[mae", "This is no YAML", "Correct the line")]
    [InlineData("slots=100", "--set slots=100", "100 slots cannot share a global batch of 64 samples.", "Lower 'slots'")]
    [InlineData("loss.kind=mae", "--set loss.kind=mae", "'loss' is a map.", "Give one of mse")]
    public void Says_which_option_is_wrong(string set, string file, string message, string remedy)
    {
        InputError error = Assert.Single(JobText.Errors(JobText.Plain, set));
        Assert.Equal((file, 0), (error.File, error.Line));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_options_and_of_the_file_come_together() =>
        Assert.Equal(["--set seed=x", "job.yaml"], JobText.Errors(JobText.Changed("loss: mse", "loss: none"), "seed=x").Select(e => e.File));
}
