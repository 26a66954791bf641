using Lockstep.Contracts.Faults;
using Lockstep.Core.Checkpoints;

namespace Lockstep.ParameterServer.Checkpoints;

/// <summary>A disk that takes nothing while <c>lockstep chaos</c> asks for that.</summary>
internal sealed class FullDisk(ICheckpointFiles inner, ArmedFaults armed) : ICheckpointFiles
{
    public void CreateDirectory(string path)
    {
        Check(path);
        inner.CreateDirectory(path);
    }

    public Stream Create(string path)
    {
        Check(path);
        return inner.Create(path);
    }

    public Stream Open(string path)
    {
        Check(path);
        return inner.Open(path);
    }

    public void Sync(string path)
    {
        Check(path);
        inner.Sync(path);
    }

    public void Replace(string from, string to)
    {
        Check(to);
        inner.Replace(from, to);
    }

    public void Delete(string path) => inner.Delete(path);

    public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    private void Check(string path)
    {
        foreach ((int number, Fault fault) in armed.Current)
        {
            if (fault.Kind == FaultKind.FillDisk)
            {
                armed.TryFire(number);
                throw new IOException($"No space left on device : '{path}' (a fault that was asked for with lockstep chaos)");
            }
        }
    }
}
