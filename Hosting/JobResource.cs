namespace Lockstep.Hosting;

/// <summary>A job of the scheduler, shown as a resource below it. It comes and goes while the application runs, and is no part of its model.</summary>
internal sealed class JobResource : Resource
{
    public const string TypeName = "Job";

    public JobResource(string jobId) : base(jobId)
    {
        JobCommands.AddTo(this);
    }
}
