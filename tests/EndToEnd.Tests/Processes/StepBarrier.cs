using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Services;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>Keeps the jobs of a fleet at steps until a test lets them go on, however fast they are.</summary>
internal sealed class StepBarrier
{
    private readonly FaultFolder _folder;

    /// <param name="steps">Where a job stays once so many are done.</param>
    public StepBarrier(TestFolder folder, params IEnumerable<long> steps)
    {
        _folder = new FaultFolder(folder.In("barrier"));
        foreach (long step in steps)
        {
            _folder.Hold(step);
        }
    }

    /// <value>What the processes of the fleet must be started with.</value>
    public KeyValuePair<string, string> Environment => new(EnvironmentNames.Faults, _folder.FullName);

    public void Release(long step) => _folder.Release(step);
}
