using System.Net;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Api;

public sealed class RateLimitTests(EmbeddedGarnet redis) : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_come_back_and_others_are_served()
    {
        const int Burst = 3;
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("Api:Burst", $"{Burst}"), ("Api:RequestsPerMinute", "1"), ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient guessing = scheduler.Client("a-key-that-is-not-the-right-one");
        for (int i = 0; i < Burst; i++)
        {
            using HttpResponseMessage served = await guessing.GetAsync("/jobs", Token);
            Assert.Equal(HttpStatusCode.Unauthorized, served.StatusCode);
        }

        using HttpClient http = scheduler.Client(InProcessService.Key);
        foreach (string path in new[] { "/jobs", "/workers", "/nothing" })
        {
            using HttpResponseMessage refused = await http.GetAsync(path, Token);
            await Requests.ProblemAsync(refused, 429);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        }

        using HttpResponseMessage healthy = await http.GetAsync("/health", Token);
        Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
        http.DefaultRequestHeaders.Add(FakeRemoteAddress.Header, FakeRemoteAddress.Elsewhere);
        using HttpResponseMessage other = await http.GetAsync("/jobs", Token);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task One_address_reads_so_many_streams_and_no_more()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [("Api:EventStreams", "1"), .. _folder.Settings]);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage submitted = await http.PostAsync("/jobs", Requests.Json(_folder.Request("a")), Token);
        Assert.Equal(HttpStatusCode.OK, submitted.StatusCode);
        using (HttpResponseMessage first = await http.GetAsync(SchedulerRoutes.Events("a", 0), HttpCompletionOption.ResponseHeadersRead, Token))
        {
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
            using HttpResponseMessage second = await http.GetAsync(SchedulerRoutes.Events("a", 0), HttpCompletionOption.ResponseHeadersRead, Token);
            await Requests.ProblemAsync(second, 429);
            Assert.NotNull(second.Headers.RetryAfter);
        }
    }

    [Theory]
    [InlineData("Api:Burst", "0")]
    [InlineData("Api:MaxBodyBytes", "-1")]
    [InlineData("Api:RequestsPerMinute", "many")]
    public void Limits_that_cannot_be_are_refused_at_the_start(string name, string value)
    {
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager { [name] = value };
        Assert.Contains(value, Assert.Throws<Contracts.InputException>(() => Scheduler.Api.ApiLimits.From(configuration)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
