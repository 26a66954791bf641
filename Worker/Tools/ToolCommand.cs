using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Tools;

/// <summary>What this executable does when it is called as a tool and not as a service.</summary>
internal sealed class ToolCommand(Func<CancellationToken, int> run)
{
    /// <returns>Null: the arguments are those of the service.</returns>
    public static ToolCommand? Find(string[] args) => args switch
    {
        [ToolNames.Verify, var json] => new(token => new VerifyTool(Parse<VerifyRequest>(json), Console.Out).Run(token)),
        [ToolNames.Evaluate, var json] => new(token => new EvaluateTool(Parse<EvaluateRequest>(json), Console.Out).Run(token)),
        [ToolNames.Predict, var json] => new(token => new PredictTool(Parse<PredictRequest>(json), Console.Out).Run(token)),
        [ToolNames.Probe] => new(_ => ProbeTool.Run()),
        [ToolNames.Check, var json] => new(token => new CheckTool(Parse<CheckRequest>(json), Console.Out).Run(token)),
        _ => null,
    };

    /// <summary>Runs it on the calling thread, which is the one that computes.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        using var stop = new CancellationTokenSource();
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
            return 2;
        }
    }

    private static T Parse<T>(string json) => JsonSerializer.Deserialize<T>(json) ?? throw new InputException("arguments", 0, "The request is null.", "Call this through the command line, lockstep.");
}
