using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

/// <summary>A small job file, and what reading a changed one says.</summary>
internal static class JobText
{
    public const string File = "job.yaml";

    /// <value>A folder of jobs; nothing is read from it.</value>
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(Path.GetTempPath(), "jobs"));

    /// <value>Nine lines; the tests count them.</value>
    public const string Plain = """
        name: test
        model:
          preset: mlp
        data:
          format: csv
          train: data.csv
          labels: [y]
        loss: mse
        epochs: 1

        """;

    public static JobSpec Read(string text, params string[] sets) => JobFile.Parse(text, File, Folder, sets);

    public static IReadOnlyList<InputError> Errors(string text, params string[] sets) =>
        Assert.Throws<InputException>(() => Read(text, sets)).Errors;

    /// <summary>The plain job with one part of its text replaced.</summary>
    public static string Changed(string part, string replacement)
    {
        Assert.Contains(part, Plain, StringComparison.Ordinal);
        return Plain.Replace(part, replacement, StringComparison.Ordinal);
    }

    /// <summary>All that a job says, without the lines of its layers: equal jobs have equal texts.</summary>
    public static string Canonical(JobSpec job) =>
        JobFile.ToCanonicalJson(job with { Model = job.Model with { Layers = [.. job.Model.Layers.Select(layer => layer.WithoutLines())] } });
}
