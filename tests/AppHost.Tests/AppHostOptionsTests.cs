using Lockstep.Contracts;
using Microsoft.Extensions.Configuration;

namespace Lockstep.AppHost.Tests;

public sealed class AppHostOptionsTests
{
    [Fact]
    public void Nothing_said_means_two_shards_one_to_four_workers_and_a_Redis_of_its_own()
    {
        AppHostOptions options = Read(publishing: false);
        Assert.Equal((2, 1, 4, RedisKind.Garnet, 5080, PublishPlatform.ContainerApps), (options.Shards, options.MinWorkers, options.MaxWorkers, options.Redis, options.Port, options.Platform));
    }

    [Fact]
    public void The_command_line_decides()
    {
        AppHostOptions options = Read(publishing: true, "--redis", "external", "--target", "kubernetes", "--ps-shards", "3", "--workers-min", "0", "--workers-max", "12");
        Assert.Equal((3, 0, 12, RedisKind.External, PublishPlatform.Kubernetes), (options.Shards, options.MinWorkers, options.MaxWorkers, options.Redis, options.Platform));
    }

    [Fact]
    public void Shards_are_a_parameter_too() => Assert.Equal(5, Read(publishing: false, "--Parameters:ps-shards", "5").Shards);

    [Fact]
    public void TLS_to_a_Redis_from_outside_is_a_parameter_too()
    {
        Assert.True(Read(publishing: false).RedisTls);
        Assert.False(Read(publishing: true, "--Parameters:redis-tls", "false").RedisTls);
        Assert.False(Read(publishing: true, "--redis-tls", "false").RedisTls);
        Assert.Equal("--redis-tls: 'maybe' is neither true nor false. Give one of them.", Assert.Throws<InputException>(() => Read(publishing: true, "--redis-tls", "maybe")).Message);
    }

    [Fact]
    public void Workers_may_be_of_another_program_here()
    {
        Assert.Null(Read(publishing: false).Worker);
        string own = typeof(AppHostOptionsTests).Assembly.Location;
        Assert.Equal(own, Read(publishing: false, "--worker", own).Worker);
        Assert.Null(Read(publishing: true, "--worker", own).Worker);
        Assert.Equal("--worker: There is no 'nowhere'. Name the built assembly of a worker program, or its project.", Assert.Throws<InputException>(() => Read(publishing: false, "--worker", "nowhere")).Message);
    }

    [Fact]
    public void Container_Apps_take_a_Redis_from_outside_when_they_are_published_for()
    {
        Assert.Equal(RedisKind.External, Read(publishing: true).Redis);
        Assert.Equal(RedisKind.Redis, Read(publishing: true, "--target", "compose").Redis);
        Assert.Equal(RedisKind.Redis, Read(publishing: true, "--redis", "redis").Redis);
    }

    [Fact]
    public void A_maximum_below_the_usual_minimum_lowers_that() => Assert.Equal((1, 1), (Read(publishing: false, "--workers-max", "1").MinWorkers, Read(publishing: false, "--workers-max", "1").MaxWorkers));

    [Fact]
    public void Says_all_that_is_wrong_at_once_with_option_and_remedy()
    {
        var errors = new StringWriter();
        Assert.False(AppHostOptions.TryRead(
            Configuration("--redis", "valkey", "--target", "moon", "--ps-shards", "0", "--workers-min", "5", "--workers-max", "3"), publishing: false, errors, out AppHostOptions? options));
        Assert.Null(options);
        string[] lines = errors.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Collection(
            lines.Order(StringComparer.Ordinal),
            line => Assert.Equal("--ps-shards: '0' is no number from 1 to 64. Give a whole number from 1 to 64.", line),
            line => Assert.Equal("--redis: 'valkey' is none of its values. Give one of: garnet, redis, external.", line),
            line => Assert.Equal("--target: 'moon' is none of its values. Give one of: container-apps, kubernetes, compose.", line),
            line => Assert.Equal("--workers-min: 5 is more than --workers-max, which is 3. Give at most 3, or raise --workers-max.", line));
    }

    [Fact]
    public void A_Redis_from_outside_is_named_by_its_connection_string()
    {
        Assert.Equal(
            "--redis: It is not said where the external Redis is. Set ConnectionStrings__redis in the environment, or ConnectionStrings:redis in the user's secrets, to host:port, and ,password=… where it has one.",
            Assert.Throws<InputException>(() => Read(publishing: false, "--redis", "external")).Message);
        Assert.Equal(RedisKind.External, Read(publishing: false, "--redis", "external", "--ConnectionStrings:redis", "localhost:6379").Redis);
    }

    [Fact]
    public void The_process_on_this_machine_is_not_published() => Assert.Equal(
        "--redis: 'garnet' is a process on this machine and cannot be published. Give redis or external.",
        Assert.Throws<InputException>(() => Read(publishing: true, "--redis", "garnet")).Message);

    [Theory]
    [InlineData("publish", "compose")]
    [InlineData("publish", "kubernetes")]
    [InlineData("deploy", "container-apps")]
    public void Without_the_packages_for_deployment_only_the_manifest_is_published(string step, string target)
    {
        if (PublishTarget.Platforms is not null)
        {
            Assert.False(Read(publishing: true, "--Pipeline:Step", step, "--target", target).IsManifestOnly);
            return;
        }

        Assert.Equal(
            $"--target: This build is without Aspire's packages for deployment: the step '{step}' would write nothing for {target}. Build with them (dotnet run --project AppHost -p:Deploy=true -- …), or publish the manifest alone with --step publish-manifest.",
            Assert.Throws<InputException>(() => Read(publishing: true, "--Pipeline:Step", step, "--target", target)).Message);
        Assert.True(Read(publishing: true, "--target", target).IsManifestOnly);
    }

    [Theory]
    [InlineData("--Pipeline:Step", "train")]
    [InlineData("--Pipeline:Step", "verify")]
    [InlineData("--Pipeline:ListSteps", "true")]
    public void What_publishes_nothing_needs_no_packages_for_deployment(string key, string value) => Assert.True(Read(publishing: true, "--Pipeline:Step", "publish", key, value).IsManifestOnly);

    [Theory]
    [InlineData("--workers-max", "65")]
    [InlineData("--workers-max", "-1")]
    [InlineData("--workers-min", "1.5")]
    [InlineData("--ps-shards", "two")]
    public void Refuses_a_number_that_is_none(string option, string value)
    {
        var exception = Assert.Throws<InputException>(() => Read(publishing: false, option, value));
        Assert.StartsWith(option, Assert.Single(exception.Errors).File, StringComparison.Ordinal);
    }

    private static AppHostOptions Read(bool publishing, params string[] arguments) => AppHostOptions.Read(Configuration(["--Pipeline:Step", "publish-manifest", .. arguments]), publishing);

    private static IConfigurationRoot Configuration(params string[] arguments) => new ConfigurationBuilder().AddCommandLine(arguments).Build();
}
