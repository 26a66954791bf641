using System.Diagnostics;
using System.Text;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tests.Jobs;

namespace Lockstep.Contracts.Tests;

/// <summary>A message is for a person: it has an end, whatever the input has.</summary>
public sealed class InputExceptionTests
{
    private const int LongestMessage = 10_000;

    [Fact]
    public void Of_many_errors_the_first_are_shown()
    {
        var text = new StringBuilder(JobText.Plain);
        for (int key = 0; key < 100_000; key++)
        {
            text.Append("key").Append(key).Append(": 1\n");
        }

        var watch = Stopwatch.StartNew();
        var refused = Assert.Throws<InputException>(() => JobText.Read(text.ToString()));
        TestContext.Current.TestOutputHelper?.WriteLine($"{watch.Elapsed.TotalSeconds:0.0} s, {refused.Message.Length} characters");

        Assert.Contains("There is no key 'key0'.", refused.Message, StringComparison.Ordinal);
        Assert.EndsWith(" more errors like these.", refused.Message, StringComparison.Ordinal);
        Assert.InRange(refused.Message.Length, 1, LongestMessage);
    }

    [Fact]
    public void Of_a_long_value_the_beginning_and_the_end_are_shown()
    {
        string value = new('x', 5_000_000);

        InputError error = Assert.Single(JobText.Errors(JobText.Changed("loss: mse", $"loss: {value}")));

        Assert.InRange(error.Message.Length, 1, LongestMessage);
        Assert.StartsWith("'loss' is 'xxx", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("xxx'.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("driving")]
    [InlineData("fashion-mnist")]
    [InlineData("medical")]
    [InlineData("risk")]
    [InlineData("torchscript")]
    public void The_job_in_a_model_s_metadata_is_one_that_a_stranger_may_give(string sample)
    {
        JobSpec job = JobFile.WithoutPlace(JobFile.Load(Path.Combine(Repository.Root, "samples", sample, "job.yaml"), []));

        Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobFile.FromForeignJson(JobFile.ToCanonicalJson(job), mayHaveMore: true)));
    }

    [Theory]
    [InlineData("\"validationMore\":[]", "\"validationMore\":[\"x\"]", "'validationMore' and no 'validation'")]
    [InlineData("\"validationMore\":[]", "\"validationMore\":[null]", "null in it")]
    [InlineData("\"trainMore\":[]", "\"trainMore\":[null]", "null in it")]
    [InlineData("\"exclude\":[]", "\"exclude\":[null]", "null in it")]
    [InlineData("\"metrics\":[]", "\"metrics\":[],\"classWeights\":{\"a\":null}", "classWeights")]
    [InlineData("\"metrics\":[]", "\"metrics\":[],\"classWeights\":[]", "classWeights")]
    [InlineData("\"metrics\":[]", "\"metrics\":[],\"classWeights\":{\"a\":-1}", "'a' is '-1'")]
    public void Canonical_JSON_of_a_stranger_that_no_file_could_be_is_refused(string part, string replacement, string message)
    {
        string json = JobFile.ToCanonicalJson(JobText.Read(JobText.Plain));
        Assert.Contains(part, json, StringComparison.Ordinal);
        Assert.Contains(message, Assert.Throws<InputException>(() => JobFile.FromForeignJson(json.Replace(part, replacement, StringComparison.Ordinal), mayHaveMore: true)).Message, StringComparison.Ordinal);
    }
}
