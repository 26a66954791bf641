using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Client;

/// <summary>The scheduler's HTTP API.</summary>
/// <remarks>
/// What the scheduler refuses is an <see cref="InputException"/>, with its remedy; a scheduler that cannot be reached is an <see cref="HttpRequestException"/> without a status,
/// one that answers what a scheduler does not, or that it cannot, is one with a status.
/// </remarks>
public sealed class SchedulerClient : IDisposable
{
    /// <summary>How long an answer may take; streams of events may last.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    // A scheduler that starts anew is back within a second or two: longer pauses would be the longest part of its absence.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    private readonly Uri _address;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    /// <param name="address">Of the scheduler, without a path.</param>
    /// <param name="apiKey">Null or empty: none is sent.</param>
    public SchedulerClient(Uri address, TimeProvider time, string? apiKey = null)
    {
        _address = address;
        _time = time;
        // Events come for as long as a job runs; a proxy from the environment has no business here.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5) }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        if (!string.IsNullOrEmpty(apiKey))
        {
            _http.DefaultRequestHeaders.TryAddWithoutValidation(SchedulerHeaders.ApiKey, apiKey);
        }
    }

    /// <summary>Hands a job in; the same again is answered alike.</summary>
    public Task<JobStatus> SubmitAsync(SubmitRequest request, CancellationToken cancellation) => SendAsync<JobStatus>(HttpMethod.Post, SchedulerRoutes.Jobs, request, cancellation);

    public Task<IReadOnlyList<JobStatus>> ListAsync(CancellationToken cancellation) => SendAsync<IReadOnlyList<JobStatus>>(HttpMethod.Get, SchedulerRoutes.Jobs, null, cancellation);

    public Task<JobStatus> FindAsync(string jobId, CancellationToken cancellation) => SendAsync<JobStatus>(HttpMethod.Get, SchedulerRoutes.Job(Escape(jobId)), null, cancellation);

    /// <summary>What a job that is over came to.</summary>
    /// <returns>Null: it ended before it began.</returns>
    public async Task<RunSummary?> SummaryAsync(string jobId, CancellationToken cancellation)
    {
        try
        {
            return await SendAsync(HttpMethod.Get, SchedulerRoutes.Summary(Escape(jobId)), null, static async (content, stop) => RunSummary.FromJson(await content.ReadAsStringAsync(stop)), cancellation);
        }
        catch (InputException)
        {
            return null;
        }
    }

    public Task<JobStatus> CancelAsync(string jobId, CancellationToken cancellation) => SendAsync<JobStatus>(HttpMethod.Post, SchedulerRoutes.Cancel(Escape(jobId)), null, cancellation);

    public Task<JobStatus> PauseAsync(string jobId, CancellationToken cancellation) => SendAsync<JobStatus>(HttpMethod.Post, SchedulerRoutes.Pause(Escape(jobId)), null, cancellation);

    public Task<JobStatus> ResumeAsync(string jobId, CancellationToken cancellation) => SendAsync<JobStatus>(HttpMethod.Post, SchedulerRoutes.Resume(Escape(jobId)), null, cancellation);

    /// <summary>Keeps the version after the step in hand as a checkpoint; waits until it is on disk.</summary>
    public Task<CheckpointStatus> CheckpointAsync(string jobId, CancellationToken cancellation) => SendAsync<CheckpointStatus>(HttpMethod.Post, SchedulerRoutes.Checkpoint(Escape(jobId)), null, cancellation);

    /// <param name="workers">Null: the policy decides again.</param>
    public Task<DesiredWorkers> ScaleAsync(int? workers, CancellationToken cancellation) => SendAsync<DesiredWorkers>(HttpMethod.Post, SchedulerRoutes.ScaleWorkers, new ScaleRequest(workers), cancellation);

    /// <summary>Asks a worker to hand in what it has in hand, and to end.</summary>
    public Task DrainAsync(string worker, CancellationToken cancellation) => SendAsync(HttpMethod.Post, SchedulerRoutes.Drain(Escape(worker)), null, static (_, _) => Task.FromResult(true), cancellation);

    /// <summary>A page of what happened in a job.</summary>
    public Task<JobLogPage> LogAsync(string jobId, long from, CancellationToken cancellation) => SendAsync<JobLogPage>(HttpMethod.Get, SchedulerRoutes.Logs(Escape(jobId), from), null, cancellation);

    /// <summary>How many workers the jobs want now.</summary>
    public async Task<DesiredWorkers> DesiredAsync(CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(SchedulerRoutes.DesiredWorkers, cancellation);
        await EnsureAsync(answer, cancellation);
        return await answer.Content.ReadFromJsonAsync<DesiredWorkers>(JsonSerializerOptions.Web, cancellation) ?? throw new HttpRequestException("The scheduler answered without a number.");
    }

    /// <summary>What happens in a job from an event on; ends when the job is over. A connection that breaks is made again until cancelled.</summary>
    public async IAsyncEnumerable<JobEvent> EventsAsync(string jobId, long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        bool over = false;
        TimeSpan pause = FirstPause;
        while (!over)
        {
            await using IAsyncEnumerator<JobEvent> events = StreamAsync<JobEvent>(SchedulerRoutes.Events(Escape(jobId), from), cancellation).GetAsyncEnumerator(cancellation);
            while (true)
            {
                JobEvent next;
                try
                {
                    if (!await events.MoveNextAsync())
                    {
                        break;
                    }

                    next = events.Current;
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
                {
                    break;
                }

                pause = FirstPause;
                from = next.Number + 1;
                over = next.Status.State.IsOver();
                yield return next;
            }

            if (!over)
            {
                await Task.Delay(pause, _time, cancellation);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    /// <summary>Jobs and workers now, and whenever something changes. Ends, or throws, when the connection does.</summary>
    public IAsyncEnumerable<FleetStatus> FleetAsync(CancellationToken cancellation) => StreamAsync<FleetStatus>(SchedulerRoutes.FleetEvents, cancellation);

    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<T> StreamAsync<T>(string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, cancellation);
        await EnsureAsync(answer, cancellation);
        await using Stream stream = await answer.Content.ReadAsStreamAsync(cancellation);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            yield return JsonSerializer.Deserialize<T>(item.Data, JsonSerializerOptions.Web) ?? throw new HttpRequestException("The scheduler sent an event without data.");
        }
    }

    private static string Escape(string id) => Uri.EscapeDataString(id);

    private Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellation) => SendAsync(
        method,
        path,
        body,
        static async (content, stop) => await content.ReadFromJsonAsync<T>(JsonSerializerOptions.Web, stop) ?? throw new JsonException("It is null."),
        cancellation);

    /// <param name="read">What the answer's body says.</param>
    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, Func<HttpContent, CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(AnswerTimeout);
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: JsonSerializerOptions.Web) };
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(request, patience.Token);
            await EnsureAsync(answer, patience.Token);
            return await read(answer.Content, patience.Token);
        }
        catch (JsonException exception)
        {
            throw new HttpRequestException($"What answers at {_address} is no scheduler: {exception.Message}", exception, HttpStatusCode.OK);
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"The scheduler did not answer within {AnswerTimeout.TotalSeconds:0} s.", exception);
        }
    }

    private async Task EnsureAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        if (answer.IsSuccessStatusCode)
        {
            return;
        }

        string text = await answer.Content.ReadAsStringAsync(cancellation);
        string detail = text;
        try
        {
            using JsonDocument problem = JsonDocument.Parse(text);
            detail = problem.RootElement.TryGetProperty("detail", out JsonElement found) ? found.GetString() ?? text : text;
        }
        catch (JsonException)
        {
        }

        // Too many requests pass; what is wrong with a request does not.
        throw answer.StatusCode < HttpStatusCode.InternalServerError && answer.StatusCode != HttpStatusCode.TooManyRequests
            ? new InputException(_address.ToString(), 0, $"The scheduler refused the request ({(int)answer.StatusCode}).", detail)
            : new HttpRequestException($"The scheduler at {_address} answered {(int)answer.StatusCode}: {detail}", null, answer.StatusCode);
    }
}
