using System.Security.Cryptography;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Contracts.Tools;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli.Commands;

/// <summary>Has slots of a job computed in two processes, in two orders, twice in each, and compares their bits.</summary>
internal static class PurityCheck
{
    private const string Remedy = "A slot is a function of its samples, the parameters, the buffers and torch's seeded generator alone: keep state in registered buffers that are changed in place, and draw random numbers from torch only.";

    /// <summary>As <see cref="RunAsync"/>, but for code and a job that were found pure on this machine before.</summary>
    /// <param name="code">The identity of the program's code.</param>
    public static async Task<IReadOnlyList<InputError>> RunOnceAsync(JobSpec job, string jobFile, string code, ServiceLocator services, CancellationToken cancellation)
    {
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{code}|{JobFile.Hash(job)}")).AsSpan(0, 16));
        string? mark = DataCache.Find() is { } cache ? Path.Combine(cache, $"{key}.pure") : null;
        if (mark is not null && File.Exists(mark))
        {
            return [];
        }

        IReadOnlyList<InputError> errors = await RunAsync(job, jobFile, services, cancellation);
        if (errors.Count == 0 && mark is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(mark)!);
            await File.WriteAllTextAsync(mark, "", cancellation);
        }

        return errors;
    }

    /// <returns>What is not pure; empty: nothing was found.</returns>
    public static async Task<IReadOnlyList<InputError>> RunAsync(JobSpec job, string jobFile, ServiceLocator services, CancellationToken cancellation)
    {
        DirectoryInfo own = Directory.CreateTempSubdirectory("lockstep-purity-");
        try
        {
            string path = Path.Combine(own.FullName, "job.json");
            await File.WriteAllTextAsync(path, JobFile.ToCanonicalJson(job), cancellation);
            var reports = new PurityReport[2];
            for (int i = 0; i < reports.Length; i++)
            {
                var request = new PurityRequest(path, DataCache.Find() ?? own.FullName, Reversed: i > 0);
                // What a worker is called must not show.
                KeyValuePair<string, string> name = KeyValuePair.Create(EnvironmentNames.WorkerId, $"purity-{i}");
                reports[i] = PurityReport.FromJson(await WorkerTool.ReadAsync(services, ToolNames.Purity, request.ToJson(), _ => { }, cancellation, name));
            }

            return [.. Compare(reports).Select(problem => new InputError(jobFile, 0, problem, Remedy))];
        }
        finally
        {
            own.Delete(recursive: true);
        }
    }

    /// <summary>Sentences on what differs.</summary>
    internal static IEnumerable<string> Compare(IReadOnlyList<PurityReport> reports)
    {
        if (Different([.. reports.Select(report => report.Initial)]) is { } initial)
        {
            yield return $"The initial values are not the same in two processes, first {initial}: the constructor depends on something else than the job's seed.";
        }

        foreach (ComputedSlot[] process in reports.Select(report => report.Slots.ToArray()))
        {
            foreach (IGrouping<(long Step, int Slot), ComputedSlot> twice in process.GroupBy(slot => (slot.Step, slot.Slot)))
            {
                if (Different([.. twice.Select(slot => slot.Bits)]) is { } tensor)
                {
                    yield return $"Slot {twice.Key.Slot} of step {twice.Key.Step} has other bits when a process computes it again, first in {tensor}: state is kept outside of the buffers, or random numbers do not come from torch's generator.";
                    yield break;
                }
            }
        }

        foreach (IGrouping<(long Step, int Slot), ComputedSlot> both in reports.SelectMany(report => report.Slots).GroupBy(slot => (slot.Step, slot.Slot)))
        {
            if (Different([.. both.Select(slot => slot.Bits)]) is { } tensor)
            {
                yield return $"Slot {both.Key.Slot} of step {both.Key.Step} has other bits in another process or order, first in {tensor}: it depends on who computes it, such as by the process, the time or the environment.";
                yield break;
            }
        }
    }

    /// <returns>The first name whose hashes are not all one; null: all are.</returns>
    private static string? Different(IReadOnlyList<IReadOnlyDictionary<string, string>> bits) =>
        bits[0].Keys.FirstOrDefault(name => bits.Skip(1).Any(other => other.GetValueOrDefault(name) != bits[0][name]));
}
