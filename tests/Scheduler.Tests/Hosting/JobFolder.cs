using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Tests.Hosting;

/// <summary>A folder with data and one for runs, and jobs that name them.</summary>
internal sealed class JobFolder : IDisposable
{
    public JobFolder()
    {
        Path = Directory.CreateTempSubdirectory("lockstep-").FullName;
        Directory.CreateDirectory(Data);
        Directory.CreateDirectory(Runs);
        File.WriteAllText(Train, "1,2,3\n");
    }

    public string Path { get; }
    public string Data => In("data");
    public string Runs => In("runs");
    public string Train => System.IO.Path.Combine(Data, "train.csv");

    public (string Name, string Value)[] Settings => [("LOCKSTEP_DATA_ROOTS", Data), ("LOCKSTEP_RUNS_ROOT", Runs)];

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public JobSpec Job(string? train = null) => JobFile.Parse(
        $$"""
        {"name": "test", "data": {"format": "csv", "train": "{{train ?? Train}}", "labels": [2], "header": false}, "model": {"preset": "mlp", "hidden": [4]}, "loss": "mse", "steps": 10, "globalBatch": 8, "slots": 4}
        """, "job.json", Path, []);

    public SubmitRequest Request(string id, string? train = null, string runDirectory = "") => new(id, JobFile.ToCanonicalJson(Job(train)), runDirectory);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
