using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using Lockstep.Training;

namespace Lockstep.Convergence;

/// <summary>A job's numbers without its processes: slots, exact sums and shards in one thread, as workers and parameter servers compute them.</summary>
public sealed class LockstepLoop : IDisposable
{
    private readonly JobDescriptor _descriptor;
    private readonly ModelLayout _layout;
    private readonly StepSampler _sampler;
    private readonly NeuralModel _model;
    private readonly SlotTrainer _trainer;
    private readonly GroupBuilder _group;
    private readonly ShardState[] _shards;
    private readonly float[] _values;
    private readonly float[] _gradient;
    private readonly List<long> _ids = [];

    public LockstepLoop(JobSpec job, IDataSet data, long steps, int shards)
    {
        _model = NeuralModel.Build(job, data.SampleShape, NeuralModel.OutputsFor(job, data));
        _trainer = new SlotTrainer(job, _model, data);
        _sampler = new StepSampler(data.Count, job.GlobalBatch, job.Slots, job.Seed, _model.MinimumSlotSamples);
        _descriptor = new JobDescriptor
        {
            JobId = job.Name,
            Tensors = _model.Tensors,
            Shards = shards,
            Slots = job.Slots,
            Optimizer = job.Optimizer,
            Schedule = job.Schedule,
            TotalSteps = steps,
            StepsPerEpoch = _sampler.StepsPerEpoch,
            Seed = job.Seed,
            CheckpointDirectory = "none",
            DeterminismClass = TorchRuntime.DeterminismClass(job.ThreadsPerWorker),
            JobHash = JobFile.Hash(job),
        };
        _layout = new ModelLayout(_descriptor.Tensors, shards);
        _group = new GroupBuilder(_descriptor, _layout);
        _values = Initial();
        _gradient = new float[_layout.Elements];
        _shards = [.. Enumerable.Range(0, shards).Select(shard => new ShardState(_descriptor, shard))];
        foreach (ShardState shard in _shards)
        {
            shard.Initialize(_layout.Gather(shard.Shard, _values));
        }
    }

    /// <value>Blocks of which some slot exceeded the hint so far, over all steps and shards.</value>
    public int EscapedBlocks { get; private set; }

    /// <summary>Copies version 0 of the parameters, in model order.</summary>
    public float[] Initial()
    {
        var values = new float[_model.ElementCount];
        _trainer.CopyInitial(values);
        return values;
    }

    /// <summary>The samples of a step, by slot.</summary>
    public IReadOnlyList<long[]> SamplesOf(long step)
    {
        var slots = new long[_descriptor.Slots][];
        for (int slot = 0; slot < slots.Length; slot++)
        {
            _sampler.SlotSamples(step, slot, _ids);
            slots[slot] = [.. _ids];
        }

        return slots;
    }

    /// <summary>Computes a step and moves on to the next version.</summary>
    /// <returns>The mean loss over the step's samples, at the version before.</returns>
    public double Step()
    {
        Contribute();
        CommittedStep[] steps = [.. _shards.Select(Update)];
        EscapedBlocks += steps.Sum(s => s.EscapedBlocks);
        return steps[0].Reports.Sum(r => r.LossSum) / steps[0].Reports.Sum(r => r.Samples);
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _model.Dispose();
    }

    private static CommittedStep Update(ShardState shard)
    {
        shard.Update(clipFactor: 1);
        CommittedStep step = shard.Commit();
        shard.ReleasePrevious();
        return step;
    }

    private void Contribute()
    {
        var hints = new short[_shards.Length][];
        foreach (ShardState shard in _shards)
        {
            using PulledVersion version = shard.View(heldStep: -1);
            _layout.Scatter(shard.Shard, version.Values!.Value.Span, _values);
            hints[shard.Shard] = version.Hints.ToArray();
        }

        Cursor cursor = _shards[0].Cursor;
        _trainer.Load(_values);
        _group.Begin(cursor, hints);
        for (int slot = 0; slot < _descriptor.Slots; slot++)
        {
            _sampler.SlotSamples(cursor.Step, slot, _ids);
            SlotResult result = _trainer.Run(cursor.Step, slot, CollectionsMarshal.AsSpan(_ids), _sampler.SamplesInStep(cursor.Step), _gradient);
            if (!_group.Add(slot, result.Samples, result.LossSum, _gradient))
            {
                throw new InvalidOperationException($"Step {cursor.Step} cannot go on: its gradient is not finite.");
            }
        }

        IReadOnlyList<Contribution> parts = _group.Build("one");
        foreach (ShardState shard in _shards)
        {
            PushTicket ticket = shard.Intake.BeginPush(parts[shard.Shard]);
            foreach (ChunkSum chunk in parts[shard.Shard].Chunks)
            {
                shard.Intake.AddChunk(ticket, chunk);
            }

            shard.Intake.EndPush(ticket);
        }
    }
}
