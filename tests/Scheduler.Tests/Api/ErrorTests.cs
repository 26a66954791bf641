using System.Net;
using System.Net.Sockets;
using System.Text;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Api;

/// <summary>What cannot be served is answered with a ProblemDetails that says why.</summary>
public sealed class ErrorTests(EmbeddedGarnet redis)
{
    private const int MaxBody = 4096;

    [Fact]
    public async Task Every_bad_request_is_told_what_is_wrong()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("Api:MaxBodyBytes", $"{MaxBody}"));
        using HttpClient http = scheduler.Client();
        (HttpMethod Method, string Path, HttpContent? Body, int Status, string Detail)[] cases =
        [
            (HttpMethod.Get, "/nothing", null, 404, "/openapi/v1.json"),
            (HttpMethod.Get, "/jobs/", null, 200, ""),
            (HttpMethod.Put, "/jobs", null, 405, "Allowed: "),
            (HttpMethod.Delete, "/workers", null, 405, "Allowed: GET"),
            (HttpMethod.Get, "/jobs/none", null, 404, "no job none"),
            (HttpMethod.Delete, "/jobs/none", null, 404, "no job none"),
            (HttpMethod.Post, "/jobs/none/cancel", null, 404, "no job none"),
            (HttpMethod.Post, "/jobs/none/checkpoint", null, 404, "no job none"),
            (HttpMethod.Get, "/jobs/none/events", null, 404, "no job none"),
            (HttpMethod.Get, "/jobs/none/events?from=x", null, 400, "from is 'x', which it cannot be"),
            (HttpMethod.Get, "/jobs/none/events?from=-1", null, 400, "below 0"),
            (HttpMethod.Get, "/jobs/none/events?from=99999999999999999999", null, 400, "from"),
            (HttpMethod.Get, "/jobs/none/logs", null, 404, "no job none"),
            (HttpMethod.Get, "/jobs/none/logs?limit=0", null, 400, "limit is 0"),
            (HttpMethod.Get, "/jobs/none/logs?limit=1001", null, 400, "limit is 1001"),
            (HttpMethod.Get, "/jobs/none/logs?from=-5", null, 400, "below 0"),
            (HttpMethod.Post, "/jobs", null, 400, "SubmitRequest"),
            (HttpMethod.Post, "/jobs", Body("", "application/json"), 400, "SubmitRequest"),
            (HttpMethod.Post, "/jobs", Body("{", "application/json"), 400, "cannot be read as JSON"),
            (HttpMethod.Post, "/jobs", Body("[1]", "application/json"), 400, "at $"),
            (HttpMethod.Post, "/jobs", Body("null", "application/json"), 400, "body"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json"), 400, "no id"),
            (HttpMethod.Post, "/jobs", Body("""{"jobId": 7, "jobJson": "{}"}""", "application/json"), 400, "$.jobId"),
            (HttpMethod.Post, "/jobs", Body("""{"jobId": "a", "jobJson": "{}", "runDir": "x"}""", "application/json"), 400, "runDir"),
            (HttpMethod.Post, "/jobs", Body(new string('[', 1000), "application/json"), 400, "at $"),
            (HttpMethod.Post, "/jobs", Body("\u0000\u0001", "application/json"), 400, "cannot be read as JSON"),
            (HttpMethod.Post, "/jobs", Body("jobId=a", "application/x-www-form-urlencoded"), 415, "JSON"),
            (HttpMethod.Post, "/jobs", Body("{}", "text/plain"), 415, "JSON"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset=utf-99"), 415, "UTF-8"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset=\"\""), 415, "UTF-8"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset=utf-7"), 415, "UTF-8"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset=utf-16"), 415, "UTF-8"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset=\"UTF-8\""), 400, "no id"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json; charset"), 400, "no id"),
            (HttpMethod.Post, "/jobs", Body("{}", "application/json;;;=,"), 415, "JSON"),
            (HttpMethod.Post, "/workers/scale", null, 400, "ScaleRequest"),
            (HttpMethod.Post, "/workers/scale", Body("", "application/json"), 400, "ScaleRequest"),
            (HttpMethod.Post, "/workers/scale", Body("null", "application/json"), 400, "ScaleRequest"),
            (HttpMethod.Post, "/workers/scale", Body("{}", "application/json"), 400, "workers"),
            (HttpMethod.Post, "/workers/scale", Body("""{"workers": -1}""", "application/json"), 400, "-1 workers"),
            (HttpMethod.Post, "/workers/scale", Body("""{"workers": "2"}""", "application/json"), 400, "at $.workers cannot be there"),
            (HttpMethod.Post, "/workers/scale", Body("""{"workers": 1}""", "text/plain"), 415, "JSON"),
            (HttpMethod.Post, "/jobs", Body($$"""{"jobId": "a", "jobJson": "{{new string('x', MaxBody)}}"}""", "application/json"), 413, $"more than {MaxBody} bytes"),
        ];
        foreach ((HttpMethod method, string path, HttpContent? body, int status, string detail) in cases)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            using HttpResponseMessage answer = await http.SendAsync(request, Token);
            string text = await answer.Content.ReadAsStringAsync(Token);
            Assert.True((int)answer.StatusCode == status, $"{method} {path}: {(int)answer.StatusCode} in place of {status}: {text}");
            if (status >= 400)
            {
                string told = await Requests.ProblemAsync(answer, status);
                Assert.True(told.Contains(detail, StringComparison.Ordinal), $"{method} {path}: '{told}' does not say '{detail}'");
            }
        }
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_cut_off_at_the_limit()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("Api:MaxBodyBytes", $"{MaxBody}"));
        using HttpClient http = scheduler.Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/jobs") { Content = Body($$"""{"jobId": "{{new string('x', 2 * MaxBody)}}"}""", "application/json") };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage answer = await http.SendAsync(request, Token);
        Assert.Contains($"more than {MaxBody} bytes", await Requests.ProblemAsync(answer, 413), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_of_events_that_accepts_nothing_else_gets_its_error_all_the_same()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("LOCKSTEP_API_KEY", InProcessService.Key));
        foreach ((string? key, string path, int status) in new[] { (null, "/jobs/none/events", 401), (InProcessService.Key, "/jobs/none/events", 404), (InProcessService.Key, "/nothing", 404), (InProcessService.Key, "/jobs/none/events?from=x", 400) })
        {
            using HttpClient http = scheduler.Client(key);
            http.DefaultRequestHeaders.Accept.ParseAdd("text/event-stream");
            using HttpResponseMessage answer = await http.GetAsync(path, Token);
            await Requests.ProblemAsync(answer, status);
        }
    }

    [Theory]
    [InlineData("GET /jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("GET /jobs\u0000 HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    public async Task What_is_no_http_is_refused_and_the_scheduler_goes_on(string text)
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(IPAddress.Loopback, scheduler.Http.Port, Token);
            NetworkStream stream = socket.GetStream();
            await stream.WriteAsync(Encoding.Latin1.GetBytes(text), Token);
            using var reader = new StreamReader(stream);
            Assert.StartsWith("HTTP/1.1 4", await reader.ReadLineAsync(Token), StringComparison.Ordinal);
        }

        using HttpClient http = scheduler.Client();
        using HttpResponseMessage answer = await http.GetAsync("/jobs", Token);
        Assert.True(answer.IsSuccessStatusCode);
    }

    /// <param name="type">Sent as it is.</param>
    private static ByteArrayContent Body(string text, string type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return content;
    }
}
