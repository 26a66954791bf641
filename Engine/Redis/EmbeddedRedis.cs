using System.Net;
using System.Runtime.InteropServices;
using Garnet;
using Garnet.server;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Microsoft.Extensions.Logging;
using Tsavorite.core;

namespace Lockstep.Engine.Redis;

/// <summary>A Redis-compatible server for one fleet: in memory, on the loopback interface, with a password, sized for job records.</summary>
public static class EmbeddedRedis
{
    /// <summary>Far longer than any script of ours takes, also on a machine that halts now and then; one that goes on for ever is ended.</summary>
    private static readonly TimeSpan ScriptTimeout = TimeSpan.FromSeconds(3);

    /// <summary>
    /// What a process that only serves does: until SIGTERM, or until its launcher is gone; Ctrl-C or the terminal's closing end it only where nobody launched it, as the launcher's other processes need it to the last.
    /// Its password is <see cref="EnvironmentNames.RedisPassword"/>.
    /// </summary>
    /// <exception cref="InputException">There is no password, or one that can be guessed.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The port is taken.</exception>
    public static async Task RunProcessAsync(int port, TimeProvider time)
    {
        string password = PasswordOf(Environment.GetEnvironmentVariable(EnvironmentNames.RedisPassword));
        bool isLaunched = Environment.GetEnvironmentVariable(EnvironmentNames.ParentProcess) is { Length: > 0 };
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, isToEnd: true));
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, !isLaunched));
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, !isLaunched));
        await RunAsync(port, password, time, stop.Token);

        void Stop(PosixSignalContext context, bool isToEnd)
        {
            context.Cancel = true;
            if (isToEnd)
            {
                stop.Cancel();
            }
        }
    }

    /// <summary>Serves until cancelled, or until the process that <see cref="EnvironmentNames.ParentProcess"/> names is gone.</summary>
    /// <param name="password">What every client must show.</param>
    /// <exception cref="System.Net.Sockets.SocketException">The port is taken.</exception>
    public static async Task RunAsync(int port, string password, TimeProvider time, CancellationToken cancellation)
    {
        using var loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole(console => console.SingleLine = true));
        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        var listener = new GarnetServerTcp(endPoint, logger: loggers.CreateLogger<GarnetServerTcp>());
        using var server = new GarnetServer(Options(endPoint, password), loggers, [listener]);
        GuardedSessions.PutBefore(listener);
        server.Start();
        await Console.Out.WriteLineAsync($"Garnet listens on 127.0.0.1:{port}");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            if (Environment.GetEnvironmentVariable(EnvironmentNames.ParentProcess) is { Length: > 0 } parent)
            {
                await ParentProcess.WaitGoneAsync(parent, time, stop.Token);
                return;
            }

            await Task.Delay(Timeout.InfiniteTimeSpan, time, stop.Token);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }

    private static string PasswordOf(string? given) => SharedKeys.Check(EnvironmentNames.RedisPassword, given).ToArray() switch
    {
        { Length: > 0 } errors => throw new InputException(errors),
        _ when string.IsNullOrEmpty(given) => throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.RedisPassword} is not set: every program and web page on this machine could use the server.", "Set it to the output of: openssl rand -hex 32."),
        _ => given,
    };

    // Its memory defaults are for machines that do nothing else, and its native device needs libraries that not every system has.
    private static GarnetServerOptions Options(EndPoint endPoint, string password) => new()
    {
        EndPoints = [endPoint],
        AuthSettings = new FleetPassword(password),
        DeviceType = DeviceType.RandomAccess,
        EnableLua = true,
        LuaOptions = new LuaOptions(LuaMemoryManagementMode.Native, "", ScriptTimeout, LuaLoggingMode.Enable, []),
        LogMemorySize = "64m",
        // The place of a deleted or grown record is used again. Without it every change of a record makes the log longer, and once it fills its memory the oldest records, such as the jobs', are dropped.
        UseRevivBinsPowerOf2 = true,
        RevivifiableFraction = 1,
        PageSize = "1m",
        // Enough for a hundred thousand keys, and a run has hundreds. One that may grow has a task that reports its own end as a failure whenever the server stops.
        IndexMemorySize = "1m",
        QuietMode = true,
    };
}
