namespace Lockstep.ParameterServer.Steps;

/// <summary>Keeps jobs where they are while somebody wants that.</summary>
public interface IStepGate
{
    /// <summary>Ends once a job may leave a version for the next.</summary>
    Task PassAsync(long version, CancellationToken cancellation);
}
