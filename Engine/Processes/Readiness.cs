using System.Net;
using System.Net.Sockets;

namespace Lockstep.Engine.Processes;

/// <summary>Asks a process whether it is ready: a service over HTTP, Redis in its own protocol.</summary>
internal sealed class Readiness : IDisposable
{
    /// <summary>Scheme of the address of a Redis.</summary>
    public const string Redis = "redis";

    /// <summary>Said of what does not listen, or hangs.</summary>
    public const string NoAnswer = "it does not answer";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };

    /// <returns>Null: it is ready; else what it answered instead.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<string?> AskAsync(Uri address, CancellationToken cancellation)
    {
        try
        {
            return await (address.Scheme == Redis ? PingAsync(address, cancellation) : GetAsync(address, cancellation));
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException or IOException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            // It does not listen yet, or hangs.
            return NoAnswer;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<string?> GetAsync(Uri address, CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(address, cancellation);
        return answer.StatusCode == HttpStatusCode.OK ? null : $"it answers {(int)answer.StatusCode}: {(await answer.Content.ReadAsStringAsync(cancellation)).Trim().ReplaceLineEndings(", ")}";
    }

    private static async Task<string?> PingAsync(Uri address, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, patience.Token);
        await using NetworkStream stream = client.GetStream();
        await stream.WriteAsync("*1\r\n$4\r\nPING\r\n"u8.ToArray(), patience.Token);
        using var reader = new StreamReader(stream);
        // Who asks shows no password, and a server that asks for one serves.
        return await reader.ReadLineAsync(patience.Token) is var line && (line == "+PONG" || line?.StartsWith("-NOAUTH", StringComparison.Ordinal) == true) ? null : $"it answers PING with '{line}'";
    }
}
