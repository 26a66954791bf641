using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;

namespace Lockstep.AppHost.Tests;

/// <summary>The application host in a process of its own, with its dashboard, as <c>dotnet run --project AppHost</c> starts it.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private HostProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <value>What it has written so far.</value>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <param name="runs">Folder of runs.</param>
    public static HostProcess Start(string runs, params string[] options)
    {
        int[] ports = FreePorts.Take(3);
        ProcessStartInfo start = DotnetHost.Start(BuiltPrograms.AssemblyOf(Repository.PathOf("AppHost", "AppHost.csproj")), options,
        [
            new("ASPNETCORE_URLS", Address(ports[0])),
            new("ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL", Address(ports[1])),
            new("ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL", Address(ports[2])),
            new("ASPIRE_ALLOW_UNSECURED_TRANSPORT", "true"),
            new("DOTNET_ENVIRONMENT", "Development"),
            new("ASPNETCORE_ENVIRONMENT", "Development"),
            new(EnvironmentNames.RunsRoot, runs),
        ]);
        return new HostProcess(new Process { StartInfo = start });
    }

    /// <summary>Waits until it tells where one logs in.</summary>
    public async Task<Uri> LoginAsync(CancellationToken cancellation)
    {
        Match login;
        while (!(login = Regex.Match(Output, @"http://\S+/login\?t=[0-9a-f]+")).Success)
        {
            Assert.False(_process.HasExited, Output);
            await Task.Delay(100, cancellation);
        }

        return new Uri(login.Value);
    }

    /// <summary>Asks it to end as Ctrl-C does, and waits until all that it started has.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync(cancellation);
        while (LeftProcesses.With(EnvironmentNames.ParentProcess, _process.Id.ToString(CultureInfo.InvariantCulture)) is { Count: > 0 })
        {
            await Task.Delay(100, cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}");

    private void Append(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
