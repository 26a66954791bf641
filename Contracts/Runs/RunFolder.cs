namespace Lockstep.Contracts.Runs;

/// <summary>The files of one run. See docs/job-file.md for what each holds.</summary>
public sealed record RunFolder(string Path)
{
    public string Job => In("job.yaml");
    public string Model => In("model.safetensors");
    /// <value>Of a job that keeps its best version as <see cref="Model"/>: the last one.</value>
    public string LastModel => In("model.last.safetensors");
    public string Metrics => In("metrics.jsonl");
    public string Ledger => In("ledger.jsonl");
    /// <value>Lines of the ledger that were set aside when the run went on in another determinism class.</value>
    public string Superseded => In("ledger.superseded.jsonl");
    public string Summary => In("summary.json");
    public string Checkpoints => In("checkpoints");
    public string Logs => In("logs");
    /// <value>Data as fixed-size rows, where there is no <see cref="DataCache"/>; may be deleted at any time.</value>
    public string Cache => In("cache");

    /// <summary>The model file that a path means: itself, or that of the run whose folder it is.</summary>
    /// <returns>Absolute.</returns>
    public static string ModelAt(string path) => System.IO.Path.GetFullPath(Directory.Exists(path) ? new RunFolder(path).Model : path);

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
