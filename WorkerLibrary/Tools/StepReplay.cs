using System.Runtime.InteropServices;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Metrics;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Tools;

/// <summary>One worker and one shard in one thread, without grants and messages: computes every slot of every step itself.</summary>
internal sealed class StepReplay
{
    private readonly PreparedJob _job;
    private readonly ShardState _shard;
    private readonly GroupBuilder _group;
    private readonly PullRounding _rounding;
    private readonly float[] _gradient;
    private readonly float[] _model;
    private readonly List<long> _samples = [];
    // Null: the job keeps its last version.
    private BestState? _best;

    /// <param name="job">Opened with one shard.</param>
    /// <param name="start">Checkpoint to start from, of whatever determinism class; null: version 0.</param>
    public StepReplay(PreparedJob job, CheckpointSet? start)
    {
        _job = job;
        _shard = new ShardState(job.Plan.Descriptor with { ResumeStep = start?.Version, AcceptsClass = true, AcceptsCode = true }, 0);
        _group = new GroupBuilder(job.Plan.Descriptor, job.Plan.Layout);
        _rounding = PullRounding.OfModel(job.Plan.Descriptor);
        _gradient = new float[job.Trainer.ElementCount];
        _model = new float[job.Trainer.ElementCount];
        if (job.Plan.Descriptor.Best is not null)
        {
            _best = start is null ? BestState.None : CheckpointSet.BestOf(job.Plan.Descriptor.CheckpointDirectory, start.Version) ?? BestState.None;
        }

        if (start is not null)
        {
            _shard.Load(start);
            return;
        }

        job.Trainer.CopyInitial(_model);
        _shard.Initialize(job.Plan.Layout.Gather(0, _model));
    }

    public long Version => _shard.Cursor.Step;

    /// <value>The flat model vector of <see cref="Version"/>.</value>
    public float[] Model
    {
        get
        {
            using PulledVersion view = _shard.View(-1);
            _job.Plan.Layout.Scatter(0, view.Values!.Value.Span, _model);
            return _model;
        }
    }

    /// <value>The flat vector that a model file of <see cref="Version"/> has: the moving average, where the job wants that. The same array as <see cref="Model"/>.</value>
    public float[] Exported
    {
        get
        {
            if (!_job.Spec.Optimizer.ExportsAverage)
            {
                return Model;
            }

            _job.Plan.Layout.Scatter(0, _shard.Snapshot().Average, _model);
            return _model;
        }
    }

    /// <summary>Computes the next version.</summary>
    /// <returns>Its line of the ledger.</returns>
    public string Step(CancellationToken cancellation)
    {
        Evaluate(cancellation);
        Contribute(cancellation);
        double factor = _job.Spec.Optimizer.ClipNorm is { } limit ? GradientNorm.Factor(_shard.BlockSquares().Sum(), limit) : 1;
        _shard.Update(factor);
        _shard.Commit();
        _shard.ReleasePrevious();
        return StateHash.ToHex(StateHash.Of([_shard.BlockHashes], _best));
    }

    /// <summary>The best version up to the one that was reached, which is the last.</summary>
    /// <returns>Null: the job keeps its last version, or its metric could not be had.</returns>
    public long? Best(CancellationToken cancellation)
    {
        Evaluate(cancellation);
        return _best?.Version;
    }

    /// <summary>What is best of the evaluations is a part of the state: they are done again, in the same slots.</summary>
    private void Evaluate(CancellationToken cancellation)
    {
        JobDescriptor descriptor = _job.Plan.Descriptor;
        if (descriptor.Best is not { } plan || !descriptor.EvaluatesAt(Version))
        {
            return;
        }

        _job.Trainer.Load([Model]);
        var parts = new EvaluationPart[descriptor.EvaluationSlots];
        for (int slot = 0; slot < parts.Length; slot++)
        {
            cancellation.ThrowIfCancellationRequested();
            parts[slot] = _job.Trainer.Evaluate(EvaluationSlots.Of(slot, parts.Length, _job.Trainer.ValidationSamples));
        }

        _best = plan.Take(_best!, Version, descriptor.ClassNames, parts);
    }

    private void Contribute(CancellationToken cancellation)
    {
        JobDescriptor descriptor = _job.Plan.Descriptor;
        using PulledVersion view = _shard.View(-1);
        _job.Plan.Layout.Scatter(0, view.Values!.Value.Span, _model);
        _rounding.Apply(_model, _model);
        _job.Trainer.Load([_model]);
        _group.Begin(view.Cursor, [view.Hints.ToArray()]);
        for (int slot = 0; slot < descriptor.Slots; slot++)
        {
            cancellation.ThrowIfCancellationRequested();
            _job.Plan.Sampler.SlotSamples(Version, slot, _samples);
            SlotResult result = _job.Trainer.Run(Version, slot, CollectionsMarshal.AsSpan(_samples), _job.Plan.Sampler.SamplesInStep(Version), _gradient);
            if (!_group.Add(slot, result.Samples, result.LossSum, _gradient))
            {
                throw new ProtocolException(ProtocolError.NotFinite, $"The gradient of step {Version} is not finite (slot {slot}).");
            }

            if (_group.IsFull)
            {
                Push();
                _group.Begin(view.Cursor, [view.Hints.ToArray()]);
            }
        }

        Push();
    }

    private void Push()
    {
        Contribution contribution = _group.Build("replay")[0];
        if (contribution.Reports.Count == 0)
        {
            return;
        }

        PushTicket ticket = _shard.Intake.BeginPush(contribution with { Chunks = [] });
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            _shard.Intake.AddChunk(ticket, chunk);
        }

        _shard.Intake.EndPush(ticket);
    }
}
