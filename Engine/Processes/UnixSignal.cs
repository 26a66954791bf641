namespace Lockstep.Engine.Processes;

/// <summary>Numbers of signals, as Linux on x64 and Arm64 has them.</summary>
public static class UnixSignal
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;
}
