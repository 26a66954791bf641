using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Scheduler.Paths;
using Lockstep.Scheduler.Tests.Hosting;
using Microsoft.Extensions.Configuration;

namespace Lockstep.Scheduler.Tests.Paths;

public sealed class AllowedPathsTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public void A_file_under_a_root_is_allowed_and_so_is_a_root_that_is_a_file()
    {
        Assert.Empty(Check(_folder.Train, _folder.Data));
        Assert.Empty(Check(_folder.Train, _folder.Data + Path.DirectorySeparatorChar));
        Assert.Empty(Check(_folder.Train, _folder.In("elsewhere"), _folder.Train));
        Assert.Empty(Check(_folder.In("data/not/there/yet.csv"), _folder.Data));
        Assert.Empty(Check(_folder.Train, Path.GetPathRoot(_folder.Path)!));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(5000)]
    public void A_path_without_end_is_refused_and_not_told_back_in_full(int length) =>
        Assert.InRange(Assert.Single(Check(_folder.In(new string('a', length)), _folder.Data)).Message.Length, 200, 300);

    [Theory]
    [InlineData("secret.csv", "is not allowed here")]
    [InlineData("data-of-others/train.csv", "is not allowed here")]
    [InlineData("data/../secret.csv", "has '..' in it")]
    [InlineData("data/sub/../train.csv", "has '..' in it")]
    [InlineData("data/link.csv", "leads out of")]
    [InlineData("data/folder/secret.csv", "leads out of")]
    [InlineData("data/chain.csv", "leads out of")]
    [InlineData("data/relative.csv", "leads out of")]
    [InlineData("data/broken.csv", "leads out of")]
    [InlineData("data/circle.csv", "cannot be checked")]
    [InlineData("inward.csv", "is not allowed here")]
    public void What_leads_elsewhere_is_not(string path, string reason)
    {
        File.WriteAllText(_folder.In("secret.csv"), "1");
        Directory.CreateDirectory(_folder.In("other"));
        File.CreateSymbolicLink(_folder.In("data/link.csv"), _folder.In("secret.csv"));
        Directory.CreateSymbolicLink(_folder.In("data/folder"), _folder.Path);
        File.CreateSymbolicLink(_folder.In("data/second.csv"), _folder.In("data/link.csv"));
        File.CreateSymbolicLink(_folder.In("data/chain.csv"), "second.csv");
        File.CreateSymbolicLink(_folder.In("data/relative.csv"), "../secret.csv");
        File.CreateSymbolicLink(_folder.In("data/broken.csv"), _folder.In("other/not-there.csv"));
        File.CreateSymbolicLink(_folder.In("data/circle.csv"), _folder.In("data/circle.csv"));
        File.CreateSymbolicLink(_folder.In("inward.csv"), _folder.Train);

        InputError error = Assert.Single(Check(_folder.In(path), _folder.Data));
        Assert.Equal("data.train", error.File);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
    }

    [Fact]
    public void Links_that_stay_under_the_root_are_allowed_and_the_root_may_be_one()
    {
        File.CreateSymbolicLink(_folder.In("data/again.csv"), "train.csv");
        Directory.CreateSymbolicLink(_folder.In("root"), _folder.Data);
        Assert.Empty(Check(_folder.In("data/again.csv"), _folder.Data));
        Assert.Empty(Check(_folder.In("root/again.csv"), _folder.In("root")));
    }

    [Theory]
    [InlineData("train.csv")]
    [InlineData("./train.csv")]
    [InlineData("")]
    [InlineData("data\0.csv")]
    public void What_is_no_absolute_path_is_not(string path) => Assert.Contains("no absolute path", Assert.Single(Check(path, _folder.Data)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_path_of_the_data_is_looked_at_and_none_is_allowed_without_roots()
    {
        var data = new DataSpec { Format = DataFormat.Idx, Train = "/a", TrainLabels = "/b", Validation = "/c", ValidationLabels = "/d" };
        InputError[] errors = [.. new AllowedPaths([], null).Check(Job(data) with { Model = new ModelSpec { Weights = "/e" } })];
        Assert.Equal(["data.train", "data.trainLabels", "data.validation", "data.validationLabels", "model.weights"], errors.Select(e => e.File));
        Assert.All(errors, error => Assert.Contains("LOCKSTEP_DATA_ROOTS", error.Remedy, StringComparison.Ordinal));
    }

    [Fact]
    public void Runs_lie_under_the_runs_root_and_one_is_chosen_where_none_is_named()
    {
        var paths = new AllowedPaths([], _folder.Runs);
        Assert.Equal(Path.Combine(_folder.Runs, "job-1"), paths.RunDirectory("", "job-1"));
        Assert.Equal(Path.Combine(_folder.Runs, "job-1"), paths.RunDirectory(null, "job-1"));
        Assert.Equal(Path.Combine(_folder.Runs, "mine"), paths.RunDirectory(Path.Combine(_folder.Runs, "mine"), "job-1"));
        Directory.CreateSymbolicLink(Path.Combine(_folder.Runs, "out"), _folder.Data);
        Assert.Contains("leads out of", Refusal(paths, Path.Combine(_folder.Runs, "out")), StringComparison.Ordinal);
        Assert.Contains("leads out of", Refusal(paths, Path.Combine(_folder.Runs, "out", "deeper")), StringComparison.Ordinal);
        Assert.Contains("is not allowed here", Refusal(paths, _folder.Data), StringComparison.Ordinal);
        Assert.Contains("has '..' in it", Refusal(paths, _folder.Runs + "/../data"), StringComparison.Ordinal);
        Assert.Contains("LOCKSTEP_RUNS_ROOT", Refusal(new AllowedPaths([], null), ""), StringComparison.Ordinal);
    }

    [Fact]
    public void Roots_come_from_the_environment_and_must_be_absolute()
    {
        AllowedPaths paths = AllowedPaths.From(Configuration(("LOCKSTEP_DATA_ROOTS", $"{_folder.In("one")}{Path.PathSeparator} {_folder.In("two")} "), ("LOCKSTEP_DATA_ROOTS:0", _folder.In("th:ree"))));
        foreach (string root in new[] { "one", "two", "th:ree" })
        {
            Assert.Empty(paths.Check(_folder.Job(_folder.In(root + "/x.csv"))));
        }

        Assert.Single(paths.Check(_folder.Job(_folder.Train)));
        string message = Assert.Throws<InputException>(() => AllowedPaths.From(Configuration(("LOCKSTEP_DATA_ROOTS", "here"), ("LOCKSTEP_RUNS_ROOT", "there")))).Message;
        Assert.Contains("'here'", message, StringComparison.Ordinal);
        Assert.Contains("'there'", message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static InputError[] Check(string path, params string[] roots) => [.. new AllowedPaths(roots, null).Check(Job(new DataSpec { Format = DataFormat.Csv, Train = path }))];

    private static JobSpec Job(DataSpec data) => new() { Name = "a", Model = new ModelSpec(), Data = data, Loss = LossKind.Mse };

    private static string Refusal(AllowedPaths paths, string directory) => Assert.Throws<InputException>(() => paths.RunDirectory(directory, "job-1")).Message;

    private static IConfiguration Configuration(params (string Name, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value))).Build();
}
