using System.Buffers.Binary;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Recovery;

/// <summary>When a worker that joins is useful, with little data and with much, once its machine has them in the cache.</summary>
internal static class Joining
{
    private const int Edge = 28;
    private const int KillAt = 40;

    public static async Task<int> MeasureAsync(FleetRuns fleets, int rounds, IReadOnlyList<int> megabytes)
    {
        Environment.SetEnvironmentVariable(EnvironmentNames.DataCache, fleets.NewFolder("cache"));
        foreach (int size in megabytes)
        {
            string folder = Directory.CreateDirectory(fleets.NewFolder($"data-{size}")).FullName;
            int images = Write(folder, (long)size << 20);
            JobSpec job = JobFile.Parse(
                """
                name: join
                data: { format: idx, train: images, trainLabels: labels, normalize: min-max }
                model: { preset: mlp, hidden: [256] }
                loss: cross-entropy
                steps: 400
                globalBatch: 1024
                slots: 8
                """,
                "job.yaml",
                folder,
                []);
            // Reads the data through, once.
            await fleets.RunAsync($"first-{size}", job with { Steps = 1 }, 1, new JoinRun("worker-0", long.MaxValue));
            var joins = new List<double>();
            var useful = new List<double>();
            var steps = new List<double>();
            double stepMs = 0;
            for (int round = 1; round <= rounds; round++)
            {
                var run = new JoinRun("worker-0", KillAt);
                RunSummary summary = await fleets.RunAsync($"join-{size}-{round}", job, 2, run);
                stepMs = summary.StepMs.P50;
                if (run.StepsWithout < 0)
                {
                    Console.WriteLine($"round {round}: the new worker computed nothing before the end");
                    return 1;
                }

                joins.Add(run.JoinMs);
                useful.Add(run.UsefulMs);
                steps.Add(run.StepsWithout);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size} MB, {images} images: step {stepMs:F1} ms; killed to joined {Measured.Median(joins):F0} ms, joined to useful {Measured.Median(useful):F0} ms, {steps.Min()} to {steps.Max()} steps without it ({rounds} rounds)"));
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    /// <returns>The number of images.</returns>
    private static int Write(string folder, long bytes)
    {
        int count = (int)(bytes / (Edge * Edge));
        using FileStream images = File.Create(Path.Combine(folder, "images")), labels = File.Create(Path.Combine(folder, "labels"));
        Header(images, 0x803, count, Edge, Edge);
        Header(labels, 0x801, count);
        var block = new byte[Edge * Edge * 1000];
        var classes = new byte[1000];
        for (int at = 0; at < block.Length; at++)
        {
            block[at] = (byte)((at * 2654435761) >> 16);
        }

        for (int i = 0; i < classes.Length; i++)
        {
            classes[i] = (byte)(block[i * Edge * Edge] % 10);
        }

        for (int left = count; left > 0; left -= 1000)
        {
            images.Write(block.AsSpan(0, Math.Min(left, 1000) * Edge * Edge));
            labels.Write(classes.AsSpan(0, Math.Min(left, 1000)));
        }

        return count;
    }

    private static void Header(FileStream file, params int[] numbers)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (int number in numbers)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes, number);
            file.Write(bytes);
        }
    }
}
