using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Contracts.Tools;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Redis;

namespace Lockstep.Engine.Doctor;

/// <summary>Whether the programs run that a fleet is made of.</summary>
/// <param name="redisServerAssembly">Serves Redis when called with <c>redis-server --port N</c>.</param>
public sealed class ProgramChecks(string redisServerAssembly, TimeProvider time)
{
    private const string Torch = "libtorch";
    private const string Gpu = "GPU";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The services, and what the worker's libtorch is.</summary>
    public async Task<IReadOnlyList<Finding>> WorkerAsync(CancellationToken cancellation)
    {
        ServiceLocator services;
        try
        {
            services = ServiceLocator.FromEnvironment();
        }
        catch (InputException exception)
        {
            return [new Finding("services", FindingKind.Fault, exception.Errors[0].Message, exception.Errors[0].Remedy)];
        }

        (int code, string output, string error) = await RunAsync(DotnetHost.Start(services.PathOf(Services.Worker), [ToolNames.Probe], []), cancellation);
        return Torches(code, output, error, HasGpu());
    }

    /// <summary>The Redis that is named, or the one that a fleet starts for itself.</summary>
    public async Task<Finding> RedisAsync(string? connection, CancellationToken cancellation)
    {
        const string Subject = "Redis";
        if (connection is not null)
        {
            try
            {
                await RedisAddress.CheckAsync(connection);
                return new Finding(Subject, FindingKind.Good, "it answers");
            }
            catch (InputException exception)
            {
                return new Finding(Subject, FindingKind.Fault, exception.Errors[0].Message, exception.Errors[0].Remedy);
            }
        }

        int port = FreePorts.Take(1)[0];
        string log = Path.GetTempFileName();
        var environment = new Dictionary<string, string> { [EnvironmentNames.RedisPassword] = SharedKeys.New(), [EnvironmentNames.ParentProcess] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        using var child = ChildProcess.Start(Subject, DotnetHost.Start(redisServerAssembly, ["redis-server", "--port", port.ToString(System.Globalization.CultureInfo.InvariantCulture)], environment), log);
        using var readiness = new Readiness();
        try
        {
            long start = time.GetTimestamp();
            string? answer = Readiness.NoAnswer;
            while (answer is not null && !child.Exited.IsCompleted && time.GetElapsedTime(start) < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellation);
                answer = await readiness.AskAsync(new Uri($"{Readiness.Redis}://127.0.0.1:{port}"), cancellation);
            }

            return answer is null
                ? new Finding(Subject, FindingKind.Good, "the embedded one starts and answers")
                : new Finding(Subject, FindingKind.Fault, $"the embedded one does not start: {answer}. {child.Tail().Trim()}", "Name another with --redis HOST:PORT.");
        }
        finally
        {
            child.Terminate();
            await Task.WhenAny(child.Exited, Task.Delay(TimeSpan.FromSeconds(5), time, CancellationToken.None));
            child.Kill();
            await child.Exited;
            File.Delete(log);
        }
    }

    /// <summary>The certificate that the Aspire application serves its dashboard with.</summary>
    public async Task<Finding> CertificateAsync(CancellationToken cancellation)
    {
        const string Subject = "certificate for Aspire";
        const string Remedy = "Make one: dotnet dev-certs https --trust. Only the Aspire application (dotnet run --project AppHost) needs it.";
        (int code, _, string error) = await RunAsync(new ProcessStartInfo(DotnetHost.Command, ["dev-certs", "https", "--check"]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false }, cancellation);
        return code == 0 ? new Finding(Subject, FindingKind.Good, "it is there")
            : new Finding(Subject, FindingKind.Warning, error.Length > 0 ? $"it cannot be looked for: {Shorten(error)}" : "there is none that is valid", Remedy);
    }

    /// <summary>What the worker's executable says of its libraries.</summary>
    /// <param name="hasGpu">Whether the machine has a GPU that libtorch could use.</param>
    public static IReadOnlyList<Finding> Torches(int code, string output, string error, bool hasGpu)
    {
        TorchProbe? probe = null;
        try
        {
            probe = code == 0 ? JsonSerializer.Deserialize<TorchProbe>(output) : null;
        }
        catch (JsonException)
        {
        }

        if (probe is null)
        {
            string remedy = error.Contains("GLIBCXX", StringComparison.Ordinal) || error.Contains("libstdc++", StringComparison.Ordinal) ? "Install libstdc++ of GCC 11 or newer: apt-get install libstdc++6 (Debian 12, Ubuntu 22.04 and newer have it)."
                : error.Contains("libgomp", StringComparison.Ordinal) ? "Install it: apt-get install libgomp1."
                : "Build or install again: libtorch comes with the worker. On a processor other than x64 and arm64, and on musl (Alpine), there is none.";
            return [new Finding(Torch, FindingKind.Fault, $"the worker's libraries do not load: {Shorten(error.Length > 0 ? error : $"exit code {code}")}", remedy)];
        }

        Finding gpu = probe.Device != "cpu" ? new Finding(Gpu, FindingKind.Good, $"workers compute on {probe.Device}")
            : hasGpu ? new Finding(Gpu, FindingKind.Warning, "there is one, and this build of the worker does not use it", "Build with -p:Torch=cuda, with the driver of NVIDIA installed.")
            : new Finding(Gpu, FindingKind.Good, "none; workers compute on the processor");
        return [new Finding(Torch, FindingKind.Good, $"determinism class '{probe.DeterminismClass}'"), gpu];
    }

    private static bool HasGpu() => File.Exists("/dev/nvidia0") || File.Exists("/proc/driver/nvidia/version");

    private static string Shorten(string error)
    {
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        // What the loader says names a file.
        return lines.FirstOrDefault(line => line.Contains(".so", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? "";
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(ProcessStartInfo start, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            using Process process = Process.Start(start) ?? throw new Win32Exception("No process was started.");
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            try
            {
                await process.WaitForExitAsync(patience.Token);
                return (process.ExitCode, await output, await error);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                process.Kill();
                return (-1, "", $"It did not end within {Patience.TotalSeconds:0} s.");
            }
        }
        catch (Win32Exception exception)
        {
            return (-1, "", exception.Message);
        }
    }
}
