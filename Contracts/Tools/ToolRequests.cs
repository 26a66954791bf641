using System.Text.Json;

namespace Lockstep.Contracts.Tools;

/// <summary>What the command line asks of the worker's executable, which alone carries libtorch: its name as the first argument, and this as JSON as the second.</summary>
public static class ToolNames
{
    public const string Verify = "verify";
    public const string Evaluate = "evaluate";
    public const string Predict = "predict";
    public const string Export = "export";
    /// <summary>Has no request: answers with a <see cref="TorchProbe"/>. Exit code 1: libtorch does not load.</summary>
    public const string Probe = "probe";
    public const string Check = "check";
    public const string Purity = "purity";
    /// <summary>Has a path as its request: reads that TorchScript file, or ends as libtorch ends it.</summary>
    public const string Script = "script";
}

/// <summary>Recompute steps of a run and compare them with its ledger. Exit codes: 0 equal, 1 different, 2 bad input.</summary>
/// <param name="Run">Folder of the run.</param>
/// <param name="From">First step; null: the one after the oldest checkpoint.</param>
/// <param name="To">Last step; null: the ledger's last.</param>
/// <param name="Json">Write the result as one JSON object.</param>
public sealed record VerifyRequest(string Run, long? From, long? To, bool Json)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}

/// <summary>Measure a model on data. Exit codes: 0 done, 2 bad input.</summary>
/// <param name="Model">Its safetensors file.</param>
/// <param name="Data">A data file of the job's format; null: the job's validation data.</param>
/// <param name="Labels">Idx: the file of labels.</param>
/// <param name="Cache">Folder for data as rows.</param>
/// <param name="Json">Write the result as one JSON object.</param>
public sealed record EvaluateRequest(string Model, string? Data, string? Labels, string Cache, bool Json)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}

/// <summary>Write what a model says of data, a line a row. Exit codes: 0 done, 2 bad input.</summary>
/// <param name="Model">Its safetensors file.</param>
/// <param name="Data">A data file of the job's format, with labels or without.</param>
/// <param name="Output">File to write; null: standard output.</param>
/// <param name="Cache">Folder for data as rows.</param>
public sealed record PredictRequest(string Model, string Data, string? Output, string Cache)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}

/// <summary>Write a model for other programs. Exit codes: 0 done, 2 bad input.</summary>
/// <param name="Model">Its safetensors file.</param>
/// <param name="Onnx">ONNX file to write.</param>
public sealed record ExportRequest(string Model, string Onnx)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}

/// <summary>What the worker computes with.</summary>
/// <param name="DeterminismClass">Of one thread.</param>
public sealed record TorchProbe(string Device, string DeterminismClass);

/// <summary>Look through a job's data and model before anything is trained. Writes a <see cref="CheckReport"/>, and <see cref="ToolProgress"/> before it. Exit codes: 0 looked through, 2 bad input to the tool itself.</summary>
/// <param name="Job">File with the job as canonical JSON.</param>
/// <param name="Cache">Folder for data as rows.</param>
/// <param name="Disk">A folder of the disk that a run would be on.</param>
/// <param name="Workers">How many there will be on this machine.</param>
public sealed record CheckRequest(string Job, string Cache, string Disk, int Workers)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}
