using System.Net;

namespace Lockstep.Tests;

/// <summary>Answers as a store of S3 that is ill, by the object's name: "secret" is refused, "ill" is an error, "odd" has no hash; all else breaks off after 10 of 1,000 bytes.</summary>
internal sealed class BrokenStore : IDisposable
{
    private readonly HttpListener listener = new();

    public BrokenStore()
    {
        listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        listener.Start();
        _ = AnswerAsync();
    }

    public int Port { get; } = LoopbackPort.Free();

    public void Dispose() => listener.Close();

    private async Task AnswerAsync()
    {
        try
        {
            while (true)
            {
                HttpListenerContext context = await listener.GetContextAsync();
                HttpListenerResponse response = context.Response;
                string path = context.Request.Url!.AbsolutePath;
                response.StatusCode = path.Contains("secret", StringComparison.Ordinal) ? 403 : path.Contains("ill", StringComparison.Ordinal) ? 501 : 200;
                response.Headers["ETag"] = path.Contains("odd", StringComparison.Ordinal) ? "\"1\"" : "\"d41d8cd98f00b204e9800998ecf8427e\"";
                if (response.StatusCode != 200)
                {
                    response.Close();
                    continue;
                }

                response.ContentLength64 = 1000;
                if (context.Request.HttpMethod == "HEAD")
                {
                    response.Close();
                    continue;
                }

                await response.OutputStream.WriteAsync(new byte[10]);
                await response.OutputStream.FlushAsync();
                response.Abort();
            }
        }
        catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
        {
            // It was closed.
        }
    }
}
