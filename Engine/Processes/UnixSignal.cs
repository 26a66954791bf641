namespace Lockstep.Engine.Processes;

/// <summary>Numbers of signals, as this system has them.</summary>
public static class UnixSignal
{
    public const int Kill = 9;
    public const int Terminate = 15;

    /// <value>Halts a process until <see cref="Continue"/>.</value>
    public static int Stop { get; } = OperatingSystem.IsMacOS() ? 17 : 19;

    public static int Continue { get; } = OperatingSystem.IsMacOS() ? 19 : 18;
}
