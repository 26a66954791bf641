using System.Net;
using System.Runtime.InteropServices;
using Garnet;
using Garnet.server;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Microsoft.Extensions.Logging;
using Tsavorite.core;

namespace Lockstep.Engine.Redis;

/// <summary>A Redis-compatible server for one run: in memory, on the loopback interface, sized for leases and job records.</summary>
public static class EmbeddedRedis
{
    /// <summary>What a process that only serves does: until SIGTERM, or until its launcher is gone; Ctrl-C or the terminal's closing end it only where nobody launched it, as the launcher's other processes need it to the last.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The port is taken.</exception>
    public static async Task RunProcessAsync(int port, TimeProvider time)
    {
        bool isLaunched = Environment.GetEnvironmentVariable(EnvironmentNames.ParentProcess) is { Length: > 0 };
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, isToEnd: true));
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, !isLaunched));
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, !isLaunched));
        await RunAsync(port, time, stop.Token);

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
    /// <exception cref="System.Net.Sockets.SocketException">The port is taken.</exception>
    public static async Task RunAsync(int port, TimeProvider time, CancellationToken cancellation)
    {
        using var loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole(console => console.SingleLine = true));
        using var server = new GarnetServer(Options(port), loggers);
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

    // Its memory defaults are for machines that do nothing else, and its native device needs libraries that not every system has.
    private static GarnetServerOptions Options(int port) => new()
    {
        EndPoints = [new IPEndPoint(IPAddress.Loopback, port)],
        DeviceType = DeviceType.RandomAccess,
        EnableLua = true,
        LuaOptions = new LuaOptions(LuaMemoryManagementMode.Native, "", Timeout.InfiniteTimeSpan, LuaLoggingMode.Enable, []),
        LogMemorySize = "64m",
        // The place of a deleted or grown record is used again. Without it every step's leases make the log longer, and once it fills its memory the oldest records, such as the jobs', are dropped.
        UseRevivBinsPowerOf2 = true,
        RevivifiableFraction = 1,
        PageSize = "1m",
        // Enough for a hundred thousand keys, and a run has hundreds. One that may grow has a task that reports its own end as a failure whenever the server stops.
        IndexMemorySize = "1m",
        QuietMode = true,
    };
}
