using Lockstep.Contracts;
using Lockstep.Engine.Hosting;

namespace Lockstep.Engine.Tests.Hosting;

public sealed class EmbeddedHostOptionsTests
{
    [Fact]
    public void Nothing_said_means_no_workers_when_idle_and_a_Redis_that_is_started()
    {
        EmbeddedHostOptions options = EmbeddedHostOptions.Parse([]);
        Assert.Equal((5080, 2, 0, null, null), (options.Port, options.Shards, options.MinimumWorkers, options.Redis, options.Otlp));
        Assert.InRange(options.MaximumWorkers, 4, int.MaxValue);
    }

    [Fact]
    public void Takes_the_options_of_the_Aspire_application()
    {
        EmbeddedHostOptions options = EmbeddedHostOptions.Parse(["--ps-shards", "3", "--workers-min", "2", "--workers-max", "9", "--redis", "garnet", "--otlp", "http://127.0.0.1:4317"]);
        Assert.Equal((3, 2, 9, null, "http://127.0.0.1:4317"), (options.Shards, options.MinimumWorkers, options.MaximumWorkers, options.Redis, options.Otlp));
    }

    [Fact]
    public void Says_all_that_is_wrong_at_once()
    {
        var exception = Assert.Throws<InputException>(() => EmbeddedHostOptions.Parse(["--port", "0", "--workers-min", "5", "--workers-max", "4", "--otlp", "here", "--what", "1", "--runs"]));
        Assert.Equal(
            [
                "--port: '0' is no whole number from 1 to 65535. Give one.",
                "--otlp: 'here' is no address. Give one such as http://127.0.0.1:4317.",
                "--what: There is no such option. See --help.",
                "--runs: The option has no value. Write it after the option.",
                "--workers-min: 5 is more than the most workers, 4. Give fewer, or raise --workers-max.",
            ],
            exception.Errors.Select(e => e.ToString()));
    }
}
