using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Peers;

/// <summary>PyTorch, by the scripts in peers/.</summary>
internal static class TorchPeer
{
    private const int Ranks = 2;

    /// <summary>DistributedDataParallel with two processes.</summary>
    public static Contender Ddp(Group group, int hidden) => new(group, "PyTorch DDP", async (bench, cancellation) =>
    {
        JsonElement answer = await RunAsync(bench, "ddp_mlp.py", cancellation,
            "--hidden", Number(hidden),
            "--warm", Number(bench.Window.Warm.TotalSeconds / 2),
            "--seconds", Number(bench.Window.Length.TotalSeconds));
        return new Figures { [Figures.SamplesPerSecond] = answer.GetProperty("samplesPerSecond").GetDouble() };
    })
    { NeedsTorch = true };

    /// <summary>gloo's all-reduce of a gradient and Adam on as many parameters, with two processes: the better of torch's two ways to compute Adam.</summary>
    public static Contender SyncAdam(Group group, long bytes) => new(group, string.Create(CultureInfo.InvariantCulture, $"gloo all-reduce and Adam, {bytes} bytes"), async (bench, cancellation) =>
    {
        JsonElement answer = await RunAsync(bench, "sync_adam.py", cancellation, "--bytes", Number(bytes), "--seconds", Number(2 * bench.StubWindow.Length.TotalSeconds));
        return new Figures { [Figures.StepMs] = answer.GetProperty("milliseconds").EnumerateObject().Min(kind => kind.Value.GetDouble()) };
    })
    { NeedsTorch = true };

    /// <summary>Whether there is an interpreter with torch.</summary>
    /// <returns>Why not, and what to do; null: there is.</returns>
    public static async Task<string?> WhyNotAsync(string python, CancellationToken cancellation)
    {
        try
        {
            await Subprocess.RunAsync(new ProcessStartInfo(python, ["-c", "import torch.distributed"]), cancellation);
            return null;
        }
        catch (InvalidOperationException exception)
        {
            return $"{python} has no torch ({exception.Message.Split('\n')[^1].Trim()}). Install Debian's python3-torch and libopenblas0, or name another interpreter with --python.";
        }
    }

    /// <summary>Runs a script in as many processes as ranks.</summary>
    /// <returns>What rank 0 reports.</returns>
    private static async Task<JsonElement> RunAsync(Bench bench, string script, CancellationToken cancellation, params string[] arguments)
    {
        string meeting = bench.NewPath("meeting");
        var ranks = new List<Subprocess>();
        try
        {
            for (int rank = 0; rank < Ranks; rank++)
            {
                ranks.Add(new Subprocess(new ProcessStartInfo(bench.Options.Python, [Path.Combine(AppContext.BaseDirectory, "peers", script), "--rank", Number(rank), "--world", Number(Ranks), "--meeting", meeting, .. arguments])
                {
                    Environment = { ["OMP_NUM_THREADS"] = "1", ["OPENBLAS_NUM_THREADS"] = "1", ["GLOO_SOCKET_IFNAME"] = "lo", ["PYTHONDONTWRITEBYTECODE"] = "1" },
                }));
            }

            string[] output = await Task.WhenAll(ranks.Select(rank => rank.FinishAsync(cancellation)));
            return JsonSerializer.Deserialize<JsonElement>(output[0]);
        }
        finally
        {
            foreach (Subprocess rank in ranks)
            {
                await rank.DisposeAsync();
            }
        }
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
