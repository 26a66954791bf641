using System.CommandLine;
using Lockstep.Cli;
using Lockstep.Cli.Commands;

var root = new RootCommand("Lockstep: elastic training whose result does not depend on who took part.")
{
    TrainCommand.Create(),
    VerifyCommand.Create(),
    EvaluateCommand.Create(),
    SchemaCommand.Create(),
    RedisServerCommand.Create(),
};
return await CommandRunner.RunAsync(root, args);
