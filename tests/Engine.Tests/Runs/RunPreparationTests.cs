using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Runs;

namespace Lockstep.Engine.Tests.Runs;

/// <summary>A run writes into a folder of its own, and never over what it did not write.</summary>
public sealed class RunPreparationTests : IDisposable
{
    private const string Text = """
        # Mine.
        name: test
        data: { format: csv, train: data.csv, labels: [y] }
        model: { preset: mlp }
        loss: mse
        steps: 1

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-prepare-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_user_s_own_job_file_is_left_alone(bool resume)
    {
        string file = Write("job.yaml", Text);

        Assert.Contains("is not that of a run", Refused(_folder.FullName, resume), StringComparison.Ordinal);
        // Whatever else is there.
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "checkpoints"));
        if (!resume)
        {
            Assert.Contains("is not that of a run", Refused(_folder.FullName, resume), StringComparison.Ordinal);
        }

        Assert.Equal(Text, File.ReadAllText(file));
    }

    [Fact]
    public void So_are_other_files()
    {
        string file = Write("model.safetensors", "mine");

        Assert.Contains("holds other things than a run", Refused(_folder.FullName), StringComparison.Ordinal);
        Assert.Equal([file], Directory.EnumerateFileSystemEntries(_folder.FullName));
    }

    [Fact]
    public void A_link_to_another_job_is_replaced_and_not_followed()
    {
        var run = new RunFolder(Path.Combine(_folder.FullName, "run"));
        RunPreparation.Prepare(Job(), run.Path, resume: false).Dispose();
        string target = Write("target.yaml", File.ReadAllText(run.Job));
        File.Delete(run.Job);
        File.CreateSymbolicLink(run.Job, target);

        RunPreparation.Prepare(Job() with { Shards = 2 }, run.Path, resume: false).Dispose();

        Assert.Equal(1, JobFile.Load(target, []).Shards);
        Assert.Equal(2, JobFile.Load(run.Job, []).Shards);
    }

    [Fact]
    public void A_run_that_came_to_nothing_gives_its_folder_to_the_next()
    {
        string run = Path.Combine(_folder.FullName, "run");
        RunPreparation.Prepare(Job(), run, resume: false).Dispose();
        RunPreparation.Prepare(Job(), run, resume: false).Dispose();
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private JobSpec Job() => JobFile.Parse(Text, "job.yaml", _folder.FullName, []);

    private string Refused(string folder, bool resume = false) => Assert.Throws<InputException>(() => RunPreparation.Prepare(Job(), folder, resume).Dispose()).Message;
}
