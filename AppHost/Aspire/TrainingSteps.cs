using Aspire.Hosting.Pipelines;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost;

/// <summary>Steps of <c>aspire do</c>: the command line trains a job with a fleet of its own, or verifies a run. Nothing of the application is started.</summary>
internal static partial class TrainingSteps
{
    public const string Train = "train";
    public const string Verify = "verify";

    public static void AddTrainingSteps(this IDistributedApplicationBuilder builder)
    {
        string root = LockstepCommand.RootOf(builder);
        Add(Train, $"Trains a job with a fleet of its own: --{AppHostOptions.JobKey} FILE, or the sample digits.", () => [Train, builder.Configuration[AppHostOptions.JobKey] ?? Path.Combine("samples", "digits", "job.yaml")]);
        Add(Verify, $"Computes steps of a run again and compares them with its ledger: --{AppHostOptions.RunKey} FOLDER, or the newest of runs.", () => [Verify, builder.Configuration[AppHostOptions.RunKey] ?? Newest(Path.Combine(root, "runs"))]);

        void Add(string name, string description, Func<string[]> arguments) =>
            builder.Pipeline.AddStep(new PipelineStep { Name = name, Description = description, Action = context => RunAsync(context, root, arguments()) });
    }

    private static async Task RunAsync(PipelineStepContext context, string root, string[] arguments)
    {
        int code = await LockstepCommand.RunAsync(root, arguments, Tell, context.CancellationToken);
        if (code != 0)
        {
            throw new DistributedApplicationException($"lockstep {string.Join(' ', arguments)} ended with {code}.");
        }

        void Tell(string line)
        {
            if (line.Length > 0)
            {
                LogLine(context.Logger, line);
            }
        }
    }

    /// <exception cref="InputException">There is none.</exception>
    private static string Newest(string folder) =>
        (Directory.Exists(folder) ? Directory.EnumerateDirectories(folder) : []).Where(path => File.Exists(new RunFolder(path).Ledger)).MaxBy(path => File.GetLastWriteTimeUtc(new RunFolder(path).Ledger))
        ?? throw new InputException(folder, 0, "There is no run in it.", $"Train a job first (aspire do {Train}), or name a run's folder with --{AppHostOptions.RunKey}.");

    [LoggerMessage(1, LogLevel.Information, "{Line}")]
    private static partial void LogLine(ILogger logger, string line);
}
