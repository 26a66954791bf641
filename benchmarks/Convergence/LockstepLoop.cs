using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Transport.Grpc;

namespace Lockstep.Convergence;

/// <summary>A job's numbers without its processes: slots, exact sums and shards in one thread, as workers and parameter servers compute them.</summary>
public sealed class LockstepLoop : IDisposable
{
    private readonly JobSpec _job;
    private readonly IDataSet? _validation;
    private readonly int _workers;
    private readonly JobDescriptor _descriptor;
    private readonly ModelLayout _layout;
    private readonly StepSampler _sampler;
    private readonly NeuralModel _model;
    private readonly SlotTrainer _trainer;
    private readonly GroupBuilder _group;
    private readonly PullRounding _rounding;
    private readonly ShardState[] _shards;
    private readonly float[] _values;
    private readonly float[] _gradient;
    private readonly List<long> _ids = [];

    /// <param name="validation">Of <see cref="Evaluate"/>.</param>
    /// <param name="workers">Groups that a step's slots come in.</param>
    public LockstepLoop(JobSpec job, IDataSet data, long steps, int shards, IDataSet? validation = null, int workers = 1)
    {
        (_job, _validation, _workers) = (job, validation, workers);
        _model = NeuralModel.Build(job, data.SampleShape, NeuralModel.OutputsFor(job, data));
        _trainer = new SlotTrainer(job, _model, data, validation);
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
            Contribution = job.Contribution,
            Pull = job.Pull,
            CheckpointDirectory = "none",
            DeterminismClass = TorchRuntime.DeterminismClass(job.ThreadsPerWorker),
            JobHash = JobFile.Hash(job),
        };
        _layout = new ModelLayout(_descriptor.Tensors, shards);
        _group = new GroupBuilder(_descriptor, _layout);
        _rounding = PullRounding.OfModel(_descriptor);
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

    /// <value>Bytes of the messages with numbers that all workers sent in the last step, over gRPC.</value>
    public long BytesUp { get; private set; }

    /// <value>Bytes of the messages with numbers that one worker is sent with a version, over gRPC.</value>
    public long BytesDown => _rounding.Runs.Sum(run => Pieces(run).Sum(length => (long)TensorMarshaller.SizeOf(new TensorFrame { Floats = _values.AsMemory(run.Offset, length), IsRounded = run.IsRounded })));

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

    /// <summary>Measures the newest version on the validation data, as workers take it.</summary>
    public IReadOnlyDictionary<string, double> Evaluate()
    {
        Load();
        IDataSet data = _validation ?? throw new InvalidOperationException("There are no validation data.");
        IEnumerable<EvaluationPart> parts = Enumerable.Range(0, (int)((data.Count + _model.SamplesAtOnce - 1) / _model.SamplesAtOnce))
            .Select(part => _trainer.Evaluate([.. Enumerable.Range(part * _model.SamplesAtOnce, (int)Math.Min(_model.SamplesAtOnce, data.Count - (part * _model.SamplesAtOnce))).Select(id => (long)id)]));
        return MetricMath.Finish(MetricLayout.Of(_job, data.Classes!.Value, data.LabelWidth), [], parts).Values;
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

    /// <summary>Takes on the newest version.</summary>
    /// <returns>Its hints, by shard.</returns>
    private short[][] Load()
    {
        var hints = new short[_shards.Length][];
        foreach (ShardState shard in _shards)
        {
            using PulledVersion version = shard.View(heldStep: -1);
            _layout.Scatter(shard.Shard, version.Values!.Value.Span, _values);
            hints[shard.Shard] = version.Hints.ToArray();
        }

        _rounding.Apply(_values, _values);
        _trainer.Load(_values);
        return hints;
    }

    private void Contribute()
    {
        short[][] hints = Load();
        BytesUp = 0;
        for (int worker = 0; worker < _workers; worker++)
        {
            Contribute(hints, worker * _descriptor.Slots / _workers, (worker + 1) * _descriptor.Slots / _workers);
        }
    }

    private void Contribute(short[][] hints, int first, int end)
    {
        Cursor cursor = _shards[0].Cursor;
        _group.Begin(cursor, hints);
        for (int slot = first; slot < end; slot++)
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
                BytesUp += TensorMarshaller.SizeOf(new TensorFrame { Index = chunk.Chunk + 1, Integers = chunk.Sums, IsNarrow = parts[shard.Shard].IsNarrow, Escapes = chunk.Escapes, Exponents = chunk.Exponents });
                shard.Intake.AddChunk(ticket, chunk);
            }

            shard.Intake.EndPush(ticket);
        }
    }

    /// <summary>The lengths of the messages that a stretch of values travels in.</summary>
    private static IEnumerable<int> Pieces(PulledRun run)
    {
        for (int sent = 0; sent < run.Length; sent += ModelLayout.ChunkElements)
        {
            yield return Math.Min(ModelLayout.ChunkElements, run.Length - sent);
        }
    }
}
