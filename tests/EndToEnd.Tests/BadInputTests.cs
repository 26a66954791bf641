using Lockstep.Engine.Processes;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Input that is found to be bad before any process is started: a message that names it and a remedy, exit code 2.</summary>
public sealed class BadInputTests(DigitsRuns runs) : IDisposable
{
    private readonly TestFolder _folder = new();

    private string Output => _folder.In("run");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_job_file_that_is_not_there() =>
        await RefusedAsync(["train", _folder.In("job.yaml")], "job.yaml: There is no such job file.", "Give the path of a job file");

    [Fact]
    public async Task All_that_is_wrong_in_a_job_file_is_said_at_once()
    {
        string job = _folder.Write("job.yaml", """
            name: bad
            data: { format: csv, train: rows.csv, labels: [y] }
            model:
              layers:
                - kind: linaer
                  out: 3
            loss: mse
            steps: 2
            learningrate: 1
            slots: 65
            """);

        CliResult result = await RefusedAsync(["train", job], "job.yaml:5: ", "linaer", "linear", "job.yaml:9: ", "learningrate", "job.yaml:10: ", "slots");
        Assert.Equal(3, result.Error.Trim().Split('\n').Length);
    }

    [Fact]
    public async Task More_slots_than_samples_in_a_step() =>
        await RefusedAsync(["train", Built.Sample("digits"), "--set", "globalBatch=4"], "slots", "globalBatch");

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1001")]
    public async Task A_number_of_workers_that_cannot_train(string workers) =>
        await RefusedAsync(["train", Built.Sample("digits"), "--workers", workers], $"--workers: {workers} workers cannot train. Give 1 to 1000.");

    [Theory]
    [InlineData("0")]
    [InlineData("257")]
    public async Task A_number_of_shards_that_cannot_be(string shards) =>
        await RefusedAsync(["train", Built.Sample("digits"), "--shards", shards], $"--shards: 'shards' is '{shards}'. Give a whole number, 1 or more and at most 256.");

    [Fact]
    public async Task An_output_folder_where_a_file_is_in_the_way()
    {
        string file = _folder.Write("file", "");

        await RefusedAsync(["train", Built.Sample("digits"), "--output", Path.Combine(file, "run")], "The output folder cannot be written", "choose another folder with --output");
        await RefusedAsync(["train", Built.Sample("digits"), "--output", file], "The output folder cannot be written", "choose another folder with --output");
    }

    [Fact]
    public async Task An_output_folder_where_nothing_can_be_made() =>
        await RefusedAsync(["train", Built.Sample("digits"), "--output", "/proc/run"], "/proc/run: The output folder cannot be written: nothing can be made there.");

    [Fact]
    public async Task An_output_folder_with_a_run_of_another_job()
    {
        FinishedRun run = await runs.AloneAsync();
        string copy = _folder.CopyOf(run.Folder.Path, "run");

        await RefusedAsync(["train", Built.Sample("medical"), "--output", copy], "The folder holds a run of another job. Choose another folder with --output.");
        await RefusedAsync(["train", Built.Sample("digits"), "--output", copy, "--resume"], "The folder holds a run of another job. Resume with the job as it was (job.yaml in the folder)");
        await RefusedAsync(["train", Path.Combine(copy, "job.yaml"), "--output", copy], "The folder holds a run of this job already. Add --resume");
        await RefusedAsync(["train", Path.Combine(copy, "job.yaml"), "--output", copy, "--resume"], "The run in this folder is finished; there is nothing to go on with.");
        Assert.Equal(run.Ledger, await File.ReadAllLinesAsync(Path.Combine(copy, "ledger.jsonl"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_folder_with_files_of_the_user_s_own()
    {
        string text = await File.ReadAllTextAsync(Built.Sample("digits"), TestContext.Current.CancellationToken);
        string job = _folder.Write("job.yaml", text.Replace("digits.csv.gz", Path.Combine(Path.GetDirectoryName(Built.Sample("digits"))!, "digits.csv.gz"), StringComparison.Ordinal));
        string written = await File.ReadAllTextAsync(job, TestContext.Current.CancellationToken);

        await RefusedAsync(["train", job, "--output", _folder.Path], "The job.yaml in the folder is not that of a run, which would write over it. Name another folder with --output");
        await RefusedAsync(["train", job, "--output", _folder.Path, "--resume"], "The job.yaml in the folder is not that of a run");
        Assert.Equal(written, await File.ReadAllTextAsync(job, TestContext.Current.CancellationToken));
        Assert.Equal([job], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task A_password_that_is_given_where_it_does_not_belong_is_not_shown()
    {
        const string Password = "hunter2";
        string[] addresses = [$"rediss://:{Password}@127.0.0.1:1/x", $"127.0.0.1:1,pasword={Password}"];
        foreach (string address in addresses)
        {
            CliResult result = await RefusedAsync(["train", Built.Sample("digits"), "--redis", address, "--output", Output], "--redis: This is no connection to Redis");
            Assert.DoesNotContain(Password, result.All, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Password, (await RefusedAsync(["train", Built.Sample("digits"), "--rediss", addresses[0]], "PASSWORD@")).All, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, (await RefusedAsync(["train", Built.Sample("digits"), "--otlp", $"ftp://me:{Password}@127.0.0.1:1"], "--otlp")).All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resume_of_nothing() =>
        await RefusedAsync(["train", Built.Sample("digits"), "--output", Output, "--resume"], "There is no run to resume in this folder.");

    [Fact]
    public async Task A_Redis_that_cannot_be_reached()
    {
        int port = FreePorts.Take(1)[0];

        await RefusedAsync(["train", Built.Sample("digits"), "--redis", $"127.0.0.1:{port}", "--output", Output], $"--redis: Redis at 127.0.0.1:{port} cannot be reached", "Start it or correct the address");
        await RefusedAsync(["train", Built.Sample("digits"), "--redis", "nonsense,,=", "--output", Output], "--redis: This is no connection to Redis", "Write host:port");
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public async Task A_run_that_is_none_cannot_be_verified_or_evaluated()
    {
        await RefusedAsync(["verify", _folder.Path], "This is no folder of a run: it has no job.yaml.");
        await RefusedAsync(["evaluate", _folder.Path], _folder.Path);
    }

    private async Task<CliResult> RefusedAsync(string[] arguments, params string[] parts)
    {
        CliResult result = await CliProcess.RunAsync(arguments);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.All(parts, part => Assert.Contains(part, result.Error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        return result;
    }
}
