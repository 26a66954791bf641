using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;

namespace Lockstep.Worker.Tests.Own;

/// <summary>The examples of docs/models.md are code that is compiled here, and a job that is computed.</summary>
[Collection(SharedTorch.Generator)]
public sealed class DocumentationTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "models.md"));

    [Fact]
    public void Its_code_is_that_which_is_compiled()
    {
        string[] compiled = Lines(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Documented.cs")));
        string[] blocks = [.. Blocks("csharp")];
        Assert.Equal(3, blocks.Length);
        Assert.All(blocks, block =>
        {
            string[] lines = Lines(block);
            Assert.Contains(Enumerable.Range(0, compiled.Length - lines.Length + 1), at => compiled.AsSpan(at, lines.Length).SequenceEqual(lines));
        });
    }

    [Fact]
    public void Its_job_can_be_computed()
    {
        JobSpec spec = JobFile.Parse(Blocks("yaml").First(), "docs/models.md", AppContext.BaseDirectory, []);
        var catalog = new ComponentCatalog();
        catalog.AddModel("pair-net", typeof(Documented.PairNet));
        catalog.AddDataSource("pairs", typeof(Documented.Pairs));
        using JobData data = JobData.Open(spec, catalog, Path.GetTempPath(), TestContext.Current.CancellationToken);
        (CheckedModel model, _) = ModelCheck.Run(spec, data, catalog);
        Assert.Equal((10 * 6) + (6 + 2) + 1, model.Parameters);
        Assert.Equal((72, 24), (data.Train.Count, data.Validation!.Count));
        Assert.Equal(6, model.Steps);
    }

    [Fact]
    public void Its_scripted_model_and_job_are_those_of_the_sample()
    {
        string sample = Path.Combine(AppContext.BaseDirectory, "torchscript");
        // Behind the sample's own comments.
        Assert.EndsWith(Assert.Single(Blocks("python")), File.ReadAllText(Path.Combine(sample, "model.py")), StringComparison.Ordinal);
        string job = Blocks("yaml").Last();
        Assert.EndsWith(job, File.ReadAllText(Path.Combine(sample, "job.yaml")), StringComparison.Ordinal);
        JobSpec spec = JobFile.Parse(job, "docs/models.md", sample, [$"data.train={Path.Combine(AppContext.BaseDirectory, "digits.csv.gz")}"]);
        using JobData data = JobData.Open(spec, ComponentCatalog.Empty, Path.GetTempPath(), TestContext.Current.CancellationToken);
        (CheckedModel model, _) = ModelCheck.Run(spec, data, ComponentCatalog.Empty);
        Assert.Equal((64 * 16) + (2 * 16) + (16 * 10) + 10, model.Parameters);
        Assert.Equal((16 + 64 + (2 * 16), "model.pt"), (model.Buffers, Assert.Single(model.Layers).Kind));
    }

    private static IEnumerable<string> Blocks(string language) =>
        Text.Split("```").Where((_, index) => index % 2 == 1).Where(block => block.StartsWith(language + "\n", StringComparison.Ordinal)).Select(block => block[(language.Length + 1)..]);

    private static string[] Lines(string text) => [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
}
