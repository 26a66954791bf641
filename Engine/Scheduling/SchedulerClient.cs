using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Scheduling;

/// <summary>The scheduler's HTTP API.</summary>
/// <param name="address">Of the scheduler, without a path.</param>
public sealed class SchedulerClient(Uri address, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // Events come for as long as a job runs; a proxy from the environment has no business here.
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Hands a job in; the same again is answered alike.</summary>
    /// <exception cref="InputException">The scheduler refuses it.</exception>
    public Task<JobStatus> SubmitAsync(SubmitRequest request, CancellationToken cancellation) => SendAsync(HttpMethod.Post, SchedulerRoutes.Jobs, request, cancellation);

    public Task<JobStatus> CancelAsync(string jobId, CancellationToken cancellation) => SendAsync(HttpMethod.Post, SchedulerRoutes.Cancel(jobId), null, cancellation);

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
            await using IAsyncEnumerator<JobEvent> events = ReadAsync(jobId, from, cancellation).GetAsyncEnumerator(cancellation);
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
                over = next.Status.State is JobState.Finished or JobState.Failed or JobState.Cancelled;
                yield return next;
            }

            if (!over)
            {
                await Task.Delay(pause, time, cancellation);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<JobEvent> ReadAsync(string jobId, long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(SchedulerRoutes.Events(jobId, from), HttpCompletionOption.ResponseHeadersRead, cancellation);
        await EnsureAsync(answer, cancellation);
        await using Stream stream = await answer.Content.ReadAsStreamAsync(cancellation);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            yield return JsonSerializer.Deserialize<JobEvent>(item.Data, JsonSerializerOptions.Web) ?? throw new HttpRequestException("The scheduler sent an event without data.");
        }
    }

    private async Task<JobStatus> SendAsync(HttpMethod method, string path, object? body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: JsonSerializerOptions.Web) };
        using HttpResponseMessage answer = await _http.SendAsync(request, cancellation);
        await EnsureAsync(answer, cancellation);
        return await answer.Content.ReadFromJsonAsync<JobStatus>(JsonSerializerOptions.Web, cancellation) ?? throw new HttpRequestException("The scheduler answered without a job.");
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

        throw answer.StatusCode < HttpStatusCode.InternalServerError
            ? new InputException(address.ToString(), 0, $"The scheduler refused the request ({(int)answer.StatusCode}).", detail)
            : new HttpRequestException($"The scheduler at {address} answered {(int)answer.StatusCode}: {detail}", null, answer.StatusCode);
    }
}
