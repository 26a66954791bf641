using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Access;

/// <summary>Who counts as a program on this machine, where no key is configured.</summary>
public sealed class LocalCallerTests(EmbeddedGarnet redis)
{
    private static readonly (string Header, string Value)[] NotLocal =
    [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("x-forwarded-host", "localhost"),
        ("X-Forwarded-Proto", "https"),
        ("X-Original-For", "127.0.0.1:1234"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("X-Real-IP", "127.0.0.1"),
        ("Host", "lockstep.example"),
        ("Host", "127.0.0.1.example"),
        ("Origin", "https://attacker.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
    ];

    [Fact]
    public async Task What_comes_through_a_proxy_or_for_another_site_is_not_local()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage plain = await http.GetAsync("/jobs", Token);
        Assert.True(plain.IsSuccessStatusCode);
        foreach ((string header, string value) in NotLocal)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/jobs");
            Assert.True(request.Headers.TryAddWithoutValidation(header, value));
            using HttpResponseMessage answer = await http.SendAsync(request, Token);
            Assert.True((int)answer.StatusCode == 401, $"{header}: {value}");
            Assert.Contains("without a proxy between", await Requests.ProblemAsync(answer, 401), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_loopback_address_is_local()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        foreach (string address in new[] { "::1", "::ffff:127.0.0.1", "127.8.9.10" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/jobs");
            request.Headers.Add(FakeRemoteAddress.Header, address);
            using HttpResponseMessage answer = await http.SendAsync(request, Token);
            Assert.True(answer.IsSuccessStatusCode, address);
        }
    }

    [Fact]
    public async Task The_names_of_this_machine_and_the_same_site_are_local()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        foreach (string host in new[] { $"localhost:{scheduler.Http.Port}", $"[::1]:{scheduler.Http.Port}" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/jobs");
            request.Headers.Host = host;
            request.Headers.Add("Origin", $"http://{host}");
            using HttpResponseMessage answer = await http.SendAsync(request, Token);
            Assert.True(answer.IsSuccessStatusCode, host);
        }
    }

    [Fact]
    public async Task The_service_says_at_its_start_what_is_open_to_whom()
    {
        await using (InProcessService open = await InProcessService.SchedulerAsync(redis))
        {
            // It may be said right after the first request was answered.
            foreach (string told in new[] { "no API key", "no shared secret" })
            {
                Assert.True(SpinWait.SpinUntil(() => open.Logs.Lines.Any(line => line.Contains(told, StringComparison.Ordinal)), TimeSpan.FromMinutes(2)), $"{open.Logs}");
            }
        }

        await using InProcessService closed = await InProcessService.SchedulerAsync(redis, ("LOCKSTEP_API_KEY", InProcessService.Key), ("LOCKSTEP_SECRET", InProcessService.Secret));
        Assert.DoesNotContain(closed.Logs.Lines, line => line.Contains("There is no", StringComparison.Ordinal));
        Assert.DoesNotContain(closed.Logs.Lines, line => line.Contains(InProcessService.Key, StringComparison.Ordinal) || line.Contains(InProcessService.Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refusals_are_logged_but_not_each()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient http = scheduler.Client();
        for (int i = 0; i < 5; i++)
        {
            using HttpResponseMessage answer = await http.GetAsync("/jobs", Token);
        }

        Assert.Single(scheduler.Logs.Lines, line => line.Contains("without the key", StringComparison.Ordinal));
    }
}
