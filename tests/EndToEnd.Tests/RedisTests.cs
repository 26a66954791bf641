using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A Redis that is there already, with a password.</summary>
public sealed class RedisTests(DigitsRuns runs) : IAsyncLifetime
{
    private const string Password = "p4ss-word";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TestFolder _folder = new();
    private readonly DebianRedis _server = new(Password);

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_result_is_that_of_a_run_with_its_own_server_and_nothing_stays_behind()
    {
        _server.Require();
        FinishedRun own = await runs.AloneAsync();

        FinishedRun run = await FinishedRun.TrainAsync(Built.Sample("digits"), _folder.In("run"), [.. DigitsRuns.Settings, "--redis", $"{_server.EndPoint},password={Password}"]);

        Assert.Equal(own.Ledger, run.Ledger);
        Assert.Equal(own.Summary.ParametersSha256, run.Summary.ParametersSha256);
        Assert.False(File.Exists(Path.Combine(run.Folder.Logs, "redis.log")));
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{_server.EndPoint},password={Password},allowAdmin=true");
        Assert.Empty(redis.GetServers()[0].Keys());
        Assert.NotEqual(0, CallsOfScripts(redis));
        // The password is nobody's business.
        Assert.All(Directory.GetFiles(run.Folder.Path, "*", SearchOption.AllDirectories), file => Assert.DoesNotContain(Password, File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(",password=wrong")]
    [InlineData("")]
    public async Task A_wrong_password_is_bad_input(string password)
    {
        _server.Require();

        CliResult result = await CliProcess.RunAsync("train", Built.Sample("digits"), "--output", _folder.In("run"), "--redis", $"{_server.EndPoint}{password}");

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Equal($"--redis: Redis at {_server.EndPoint} refused the password. Correct password=… in the connection (and user=… where it has one).", result.Error.Trim());
        Assert.False(Directory.Exists(_folder.In("run")));
    }

    [Fact]
    public async Task The_command_to_go_on_with_an_interrupted_run_names_the_server_and_not_its_password()
    {
        _server.Require();
        var run = new RunFolder(_folder.In("run"));
        await using CliProcess process = CliProcess.Start(["train", Built.Sample("digits"), "--output", run.Path, "--set", "epochs=1000000", "--redis", $"{_server.EndPoint},password={Password},ssl=false", "--otlp", "http://me:secret@127.0.0.1:1"]);
        await Waiting.UntilAsync(() => process.Output.Contains("step 1/", StringComparison.Ordinal), Patience, "a first step: without one there is nothing to go on with");
        SystemProcess.Signal(process.Id, SystemProcess.Interrupt);

        CliResult result = await process.EndAsync();

        Assert.True(result.ExitCode == 130, result.All);
        Assert.Equal($"Interrupted. Go on with: lockstep train {run.Job} --resume --output {run.Path} --redis {_server.EndPoint},password=PASSWORD,ssl=false --otlp http://USER:PASSWORD@127.0.0.1:1", result.Error.Trim());
    }

    private static long CallsOfScripts(ConnectionMultiplexer redis) =>
        redis.GetServers()[0].Info("commandstats").SelectMany(section => section).Count(stat => stat.Key is "cmdstat_evalsha" or "cmdstat_eval");
}
