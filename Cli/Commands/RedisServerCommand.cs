using System.CommandLine;
using Lockstep.Engine.Redis;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep redis-server</c>: the Redis-compatible server that a run starts for itself, in a process of its own.</summary>
internal static class RedisServerCommand
{
    /// <summary>It minds signals itself.</summary>
    public const string Name = "redis-server";

    private static readonly Option<int> Port = new("--port") { HelpName = "PORT", Description = "TCP port of the loopback interface.", Required = true };

    public static Command Create()
    {
        var command = new Command(Name, "Serve the Redis protocol for one run.") { Port };
        command.Hidden = true;
        command.SetAction(async (parsed, _) =>
        {
            await EmbeddedRedis.RunProcessAsync(parsed.GetValue(Port), TimeProvider.System);
            return ExitCodes.Done;
        });
        return command;
    }
}
