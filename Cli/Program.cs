using System.CommandLine;
using Lockstep.Cli;
using Lockstep.Cli.Commands;
using Lockstep.Cli.Commands.Remote;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;

Terminal.Guard();
var root = new RootCommand("Lockstep: elastic training whose result does not depend on who took part.")
{
    TrainCommand.Create(),
    CheckCommand.Create(),
    UpCommand.Create(),
    ChaosCommand.Create(),
    VerifyCommand.Create(),
    EvaluateCommand.Create(),
    PredictCommand.Create(),
    ExportCommand.Create(),
    FindRateCommand.Create(),
    PlotCommand.Create(),
    RunsCommand.Create(),
    DoctorCommand.Create(),
    SubmitCommand.Create(),
    JobsCommand.Create(),
    WatchCommand.Create(),
    JobActionCommand.Create("cancel", "End a job.", (scheduler, id, cancellation) => scheduler.CancelAsync(id, cancellation)),
    JobActionCommand.Create("pause", "Halt a job after the step in hand; its workers are free for others.", (scheduler, id, cancellation) => scheduler.PauseAsync(id, cancellation)),
    JobActionCommand.Create("resume", "Let a paused job go on.", (scheduler, id, cancellation) => scheduler.ResumeAsync(id, cancellation)),
    JobActionCommand.Create("checkpoint", "Keep the version after the step in hand as a checkpoint.", async (scheduler, id, cancellation) =>
    {
        CheckpointStatus kept = await scheduler.CheckpointAsync(id, cancellation);
        return $"{kept.JobId}: the checkpoint of step {kept.Step} is on disk";
    }),
    ScaleCommand.Create(),
    DrainCommand.Create(),
    LogsCommand.Create(),
    SchemaCommand.Create(),
    RedisServerCommand.Create(),
};
return await CommandRunner.RunAsync(root, args);
