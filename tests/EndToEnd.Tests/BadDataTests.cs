using System.IO.Compression;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Input that only a worker finds to be bad: the job fails with what is wrong, where, and what to do; the command's exit code is 2.</summary>
[Collection(nameof(ResidentFleet))]
public sealed class BadDataTests(ResidentFleet fleet) : IDisposable
{
    private const string Rows = """
        width,height,label
        1,2,0
        3,4,1
        5,6,0

        """;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Check_and_train_say_all_that_is_wrong_before_they_start_anything_and_end_with_2()
    {
        string data = _folder.Write("rows.csv", Rows.Replace("3,4", "wide,tall", StringComparison.Ordinal));

        foreach (string[] command in (string[][])[["check", Job("rows.csv")], ["train", Job("rows.csv"), "--output", _folder.In("run"), "--workers", "1"]])
        {
            CliResult result = await CliProcess.RunAsync(command);

            Assert.True(result.ExitCode == 2, result.All);
            const string Remedy = "Correct the value, list the column in 'categories' (or set 'categories: auto'), leave it out by 'exclude', or add the text to 'missingValues' if it means that there is no value.";
            Assert.Equal(
                [$"{data}:3: 'wide' in column width is no number. {Remedy}", $"{data}:3: 'tall' in column height is no number. {Remedy}"],
                result.Error.Trim().Split(Environment.NewLine));
        }

        Assert.False(Directory.Exists(_folder.In("run/logs")) && Directory.EnumerateFiles(_folder.In("run/logs")).Any(), "A process was started.");
    }

    [Fact]
    public async Task Check_tells_of_data_and_model_and_warns_of_what_nobody_means()
    {
        _folder.Write("rows.csv", "width,height,label\n" + string.Concat(Enumerable.Range(0, 120).Select(i => $"{i * i % 17},7,{i % 2}\n")));

        CliResult result = await CliProcess.RunAsync("check", Job("rows.csv"));

        Assert.True(result.ExitCode == 0, result.All);
        Assert.Contains("120 training samples of [2], none for validation; labels are numbers", result.Output, StringComparison.Ordinal);
        Assert.Contains("warning: " + _folder.In("rows.csv") + ": Column height has the same value in every training row", result.Output, StringComparison.Ordinal);
        CliResult strict = await CliProcess.RunAsync("check", Job("rows.csv"), "--strict");
        Assert.True(strict.ExitCode == 2, strict.All);
        Assert.Contains("Column height has the same value", strict.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train")]
    [InlineData("chaos", "--mtbf", "5")]
    public async Task The_command_says_what_is_missing_before_it_starts_anything(params string[] command)
    {
        string job = Job("missing.csv");

        CliResult result = await CliProcess.RunAsync([.. command, job, "--output", _folder.In("run"), "--workers", "1"]);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Equal("", result.Output);
        Assert.False(Directory.Exists(_folder.In("run")));
        Assert.Equal($"{_folder.In("missing.csv")}: There is no such data file. Correct the path; relative paths of a job file start at its folder, those of an option at the current one. The file is named by 'train' at {job}:2.", result.Error.Trim());
    }

    [Theory]
    [InlineData("secret.csv", "The object store refuses access (403, Forbidden). Give the process credentials")]
    [InlineData("broken.csv", "The object store broke off after 10 of 1000 bytes, 3 times")]
    public async Task An_object_store_that_refuses_or_breaks_off(string name, string message)
    {
        using var store = new BrokenStore();
        string job = Job($"s3://data/{name}");
        await using CliProcess process = CliProcess.StartProgram(Built.Lockstep, ["train", job, "--output", _folder.In("run"), "--workers", "1"], new Dictionary<string, string>
        {
            ["AWS_ENDPOINT_URL"] = $"http://127.0.0.1:{store.Port}",
            ["AWS_ACCESS_KEY_ID"] = "somebody",
            ["AWS_SECRET_ACCESS_KEY"] = "unknown",
        });
        CliResult result = await process.EndAsync();
        Assert.True(result.ExitCode == 2, result.All);
        Assert.StartsWith($"s3://data/{name}: {message}", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_data_file() =>
        await FailsAsync(Job("missing.csv"), "missing.csv: There is no such data file. Correct the path");

    [Fact]
    public async Task A_column_that_is_not_there()
    {
        _folder.Write("rows.csv", Rows);

        await FailsAsync(Job("rows.csv", labels: "colour"), "rows.csv", "colour", "width, height, label");
    }

    [Fact]
    public async Task A_text_in_a_column_of_numbers()
    {
        _folder.Write("rows.csv", Rows.Replace("3,4", "3,tall", StringComparison.Ordinal));

        await FailsAsync(Job("rows.csv"), "rows.csv:3: 'tall' in column height is no number. Correct the value");
    }

    [Fact]
    public async Task A_compressed_file_that_ends_too_early()
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(System.Text.Encoding.ASCII.GetBytes("width,height,label\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i},{i * i % 977},{i % 2}\n"))));
        }

        await File.WriteAllBytesAsync(_folder.In("rows.csv.gz"), compressed.ToArray()[..(int)(compressed.Length / 2)], TestContext.Current.CancellationToken);

        await FailsAsync(Job("rows.csv.gz"), "rows.csv.gz: The compressed file is damaged or ends too early", "Copy or download it again.");
    }

    [Fact]
    public async Task An_IDX_file_with_a_wrong_magic_number()
    {
        // Labels where images should be.
        byte[] labels = [0, 0, 8, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        await File.WriteAllBytesAsync(_folder.In("images"), labels, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(_folder.In("labels"), labels, TestContext.Current.CancellationToken);
        string job = _folder.Write("job.yaml", """
            name: bad
            data: { format: idx, train: images, trainLabels: labels }
            model: { preset: mlp, hidden: [4] }
            loss: cross-entropy
            steps: 2
            """);

        await FailsAsync(job, "images: The file begins with 0x00000801: it is no IDX file of images", "Name the right file");
    }

    [Fact]
    public async Task Layers_whose_shapes_do_not_fit()
    {
        _folder.Write("rows.csv", Rows);

        await FailsAsync(Job("rows.csv", model: "{ layers: [ { kind: conv2d, out: 4 }, relu ] }"), "Layer 1 (conv2d)", "its input is [2]");
    }

    [Fact]
    public async Task An_input_that_is_not_the_data()
    {
        _folder.Write("rows.csv", Rows);

        await FailsAsync(Job("rows.csv", model: "{ preset: mlp, input: [3] }"), "job file: The model's input [3] has 3 values, a sample [2] has 2.");
    }

    private string Job(string data, string labels = "label", string model = "{ preset: mlp, hidden: [4] }") => _folder.Write("job.yaml", $$"""
        name: bad
        data: { format: csv, train: {{data}}, labels: [{{labels}}] }
        model: {{model}}
        loss: mse
        globalBatch: 2
        slots: 1
        steps: 2
        """);

    private async Task FailsAsync(string job, params string[] parts)
    {
        JobOutcome outcome = await fleet.RunAsync(JobFile.Load(job, []), fleet.NewRun());

        Assert.Equal(JobState.Failed, outcome.Last.State);
        // What the command takes for exit code 2.
        Assert.Equal(FailureCause.Input, outcome.Last.Cause);
        Assert.All(parts, part => Assert.Contains(part, outcome.Last.Error, StringComparison.Ordinal));
    }
}
