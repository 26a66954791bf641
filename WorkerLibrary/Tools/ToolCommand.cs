using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Protocol;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>What this executable does when it is called as a tool and not as a service.</summary>
internal sealed class ToolCommand(Func<CancellationToken, int> run)
{
    private const int BadInput = 2;
    private const int Failed = 1;

    /// <summary>How long the work in hand may take to notice that nobody waits for it.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    /// <returns>Null: the arguments are those of the service.</returns>
    public static ToolCommand? Find(string[] args, ComponentCatalog catalog) => args switch
    {
        [ToolNames.Verify, var json] => new(token => new VerifyTool(Parse<VerifyRequest>(json), catalog, Console.Out).Run(token)),
        [ToolNames.Evaluate, var json] => new(token => new EvaluateTool(Parse<EvaluateRequest>(json), catalog, Console.Out).Run(token)),
        [ToolNames.Predict, var json] => new(token => new PredictTool(Parse<PredictRequest>(json), catalog, Console.Out).Run(token)),
        [ToolNames.Export, var json] => new(_ => new ExportTool(Parse<ExportRequest>(json), catalog, Console.Out).Run()),
        [ToolNames.Probe] => new(_ => ProbeTool.Run()),
        [ToolNames.Check, var json] => new(token => new CheckTool(Parse<CheckRequest>(json), catalog, Console.Out).Run(token)),
        [ToolNames.Purity, var json] => new(token => new PurityTool(Parse<PurityRequest>(json), catalog, Console.Out).Run(token)),
        [ToolNames.Script, var path] => new(_ => ReadScript(path)),
        _ => null,
    };

    /// <summary>Runs it on the calling thread, which is the one that computes.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        Terminal.Guard();
        using var stop = new CancellationTokenSource();
        if (Environment.GetEnvironmentVariable(EnvironmentNames.ParentProcess) is { Length: > 0 } parent)
        {
            _ = Task.Run(() => EndWithAsync(parent, stop));
        }

        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            stop.Cancel();
        };
        try
        {
            return run(stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 130;
        }
        catch (Exception exception) when (exception is InputException or ProtocolException { Error: ProtocolError.Checkpoint })
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return BadInput;
        }
        catch (ExternalException exception)
        {
            // What libtorch says begins with its reason; the frames of its own code come after it.
            await Console.Error.WriteLineAsync($"The model cannot be computed here: {exception.Message.Split('\n')[0]} Use a machine with more memory, or a smaller model.");
            return Failed;
        }
    }

    private static int ReadScript(string path)
    {
        ScriptTrial.Read(path);
        return 0;
    }

    /// <summary>However the launcher ends, this process ends too.</summary>
    private static async Task EndWithAsync(string parent, CancellationTokenSource stop)
    {
        await ParentProcess.WaitGoneAsync(parent, TimeProvider.System, CancellationToken.None).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await Task.Delay(Grace, TimeProvider.System).ConfigureAwait(false);
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }

    private static T Parse<T>(string json) => JsonSerializer.Deserialize<T>(json) ?? throw new InputException("arguments", 0, "The request is null.", "Call this through the command line, lockstep.");
}
