using Lockstep.Contracts;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Processes;

/// <summary>How long the processes of a fleet may take until all are ready, however they get on.</summary>
public static class StartLimit
{
    private const int Seconds = 600;

    public static TimeSpan Default { get; } = TimeSpan.FromSeconds(Seconds);

    /// <exception cref="InputException">The environment sets it to what is no number of seconds.</exception>
    public static TimeSpan FromEnvironment() => SecondsSetting.Read(Environment.GetEnvironmentVariable(EnvironmentNames.StartLimit), EnvironmentNames.StartLimit, Seconds);
}
