using System.Diagnostics;
using System.Globalization;

namespace Lockstep.Recovery;

/// <summary>The peer: torchrun with one of two ranks killed.</summary>
internal static class TorchRun
{
    private const string Python = "/usr/bin/python3";

    /// <returns>Milliseconds between the last step before the kill and the first after, and the steps done again; null: there is no PyTorch.</returns>
    public static async Task<(double GapMs, int StepsLost)?> KillAsync(string folder)
    {
        string log = Path.Combine(folder, "steps.log");
        var start = new ProcessStartInfo(Python)
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            ArgumentList =
            {
                "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max_restarts=3", "--monitor_interval", "0.1", "-r", "2", "-t", "1", "--log_dir", Path.Combine(folder, "log"),
                Path.Combine(AppContext.BaseDirectory, "torchrun_kill.py"), log,
            },
            Environment = { ["OMP_NUM_THREADS"] = "1", ["OPENBLAS_NUM_THREADS"] = "1", ["GLOO_SOCKET_IFNAME"] = "lo" },
        };
        Directory.CreateDirectory(folder);
        using Process? process = Process.Start(start);
        if (process is null)
        {
            return null;
        }

        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (!File.Exists(log))
        {
            await Console.Error.WriteLineAsync($"torchrun wrote no step; it needs Debian's python3-torch and libopenblas0.{Environment.NewLine}{await errors}");
            return null;
        }

        (double Time, int Restart, int Step)[] steps = [.. File.ReadLines(log).Select(line => line.Split(' ')).Select(p => (double.Parse(p[0], CultureInfo.InvariantCulture), int.Parse(p[1], CultureInfo.InvariantCulture), int.Parse(p[2], CultureInfo.InvariantCulture)))];
        int after = Array.FindIndex(steps, s => s.Restart > 0);
        return after < 1 ? null : ((steps[after].Time - steps[after - 1].Time) * 1000, steps[after - 1].Step - steps[after].Step);
    }
}
