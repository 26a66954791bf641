using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;

namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Which steps are traced, and under which id. Every process works it out for itself, so that the spans of one step meet in one trace without a message.</summary>
/// <param name="every">The N of: every N-th step is traced, from step 0 on; 0: none.</param>
public sealed class StepTrace(int every)
{
    private const int DefaultEvery = 100;

    /// <value>Traces nothing.</value>
    public static StepTrace Off { get; } = new(0);

    /// <exception cref="InputException">The environment names no number of steps.</exception>
    public static StepTrace From(IConfiguration configuration)
    {
        if (configuration[EnvironmentNames.TraceEvery] is not { Length: > 0 } text)
        {
            return new StepTrace(DefaultEvery);
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int every)
            ? new StepTrace(every)
            : throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.TraceEvery} is '{text}', which is no number of steps.", $"Set it to a whole number, such as {DefaultEvery} for every hundredth step or 0 for none, or leave it out.");
    }

    public bool Includes(long step) => every > 0 && step % every == 0;

    /// <summary>The trace of a step, whatever its generation and attempt: the first 16 bytes of SHA-256 over job id and step.</summary>
    public static ActivityTraceId IdOf(string jobId, long step)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{jobId}|{step}")));
        return ActivityTraceId.CreateFromBytes(hash.AsSpan(0, 16));
    }

    /// <summary>Begins this process's part of a step's trace: a span without a parent, as none of the processes is above the others.</summary>
    /// <returns>The current span from now on; null: the step is not traced, or nobody listens.</returns>
    public Activity? Begin(ActivitySource source, string name, string jobId, long step, DateTimeOffset startTime = default)
    {
        if (!Includes(step) || !source.HasListeners())
        {
            return null;
        }

        // A context with a trace and no span makes a root of just this trace, unless there is a current span to be the child of.
        Activity.Current = null;
        var trace = new ActivityContext(IdOf(jobId, step), default, ActivityTraceFlags.Recorded);
        return source.StartActivity(ActivityKind.Internal, trace, [new(SpanNames.Job, jobId), new(SpanNames.Step, step)], links: null, startTime, name);
    }
}
