using System.CommandLine;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Runs;
using Lockstep.Training;
using static TorchSharp.torch;

namespace Lockstep.SystemBenchmark.Bare;

/// <summary>A plain TorchSharp loop in one process on one thread: the job's own micro-batches, picked from samples that lie in memory, their gradients added up by torch, and one update a step, by torch's optimizer and by ours.</summary>
internal static class PlainCommand
{
    private const string Name = "plain";
    private const string WithTorch = "samples/s with torch's optimizer";
    private const string WithOurs = "samples/s with our update";

    public static Command Create() => BareProcess.Command(Name, Compute);

    public static Contender Contender(Group group, TrainedJob job) => new(group, job.Described("plain loop"), async (bench, cancellation) => (await BareProcess.RunAsync(bench, Name, job, 1, cancellation))[0]);

    /// <summary>Of the faster of the two updates.</summary>
    public static Quantity Rate(Contender contender) => Quantity.Most(contender, WithTorch, WithOurs);

    private static void Compute(BareRun run)
    {
        TorchRuntime.UseThreads(1);
        JobSpec job = run.Job.Load();
        string cache = Directory.CreateTempSubdirectory("lockstep-plain-").FullName;
        try
        {
            using OpenedData data = DataSets.Open(job.Data, job.Loss, job.Seed, cache, CancellationToken.None);
            using var samples = new LoadedSamples(job, data.Train);
            foreach (bool isOurs in new[] { false, true })
            {
                using var model = TorchModels.Create(job, data.Train.SampleShape, data.Train.Classes!.Value);
                using var update = isOurs ? (IPlainUpdate)new OurUpdate(job, model) : new TorchUpdate(job, model);
                long step = 0;
                run.Figures[isOurs ? WithOurs : WithTorch] = job.GlobalBatch * run.PerSecond(() =>
                {
                    using var scope = NewDisposeScope();
                    model.zero_grad();
                    // An epoch's last step is smaller: it is left out, so that every step has as many samples.
                    step += samples.IsWhole(step) ? 0 : 1;
                    foreach ((Tensor features, Tensor labels) in samples.Of(step))
                    {
                        (nn.functional.cross_entropy(model.forward(features), labels, reduction: nn.Reduction.Sum) / job.GlobalBatch).backward();
                    }

                    update.Apply(step);
                    step++;
                });
            }
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }
    }

    /// <summary>All samples as tensors, and the micro-batches of each step.</summary>
    private sealed class LoadedSamples : IDisposable
    {
        private readonly JobSpec _job;
        private readonly StepSampler _sampler;
        private readonly Tensor _features;
        private readonly Tensor _labels;
        private readonly List<long> _ids = [];

        public LoadedSamples(JobSpec job, IDataSet data)
        {
            _job = job;
            _sampler = new StepSampler(data.Count, job.GlobalBatch, job.Slots, job.Seed);
            _features = empty([data.Count, .. (job.Model.Input ?? data.SampleShape).Select(s => (long)s)]);
            var labels = new float[data.Count];
            long[] all = [.. Enumerable.Range(0, (int)data.Count).Select(i => (long)i)];
            data.Read(all, MemoryMarshal.Cast<byte, float>(_features.bytes), labels);
            _labels = tensor(Array.ConvertAll(labels, label => (long)label));
        }

        public bool IsWhole(long step) => _sampler.SamplesInStep(step) == _job.GlobalBatch;

        public IEnumerable<(Tensor Features, Tensor Labels)> Of(long step)
        {
            for (int slot = 0; slot < _job.Slots; slot++)
            {
                _sampler.SlotSamples(step, slot, _ids);
                Tensor ids = tensor(CollectionsMarshal.AsSpan(_ids).ToArray());
                yield return (_features.index_select(0, ids), _labels.index_select(0, ids));
            }
        }

        public void Dispose()
        {
            _features.Dispose();
            _labels.Dispose();
        }
    }
}
