using System.Buffers;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Transport.Grpc;

namespace Lockstep.Kernels;

/// <summary>The parts of a step that touch every element, on one worker's and one shard's side, for a model of one tensor that Adam updates. One thread at a time.</summary>
/// <remarks>A step is <see cref="Encode"/>, <see cref="Add"/> and <see cref="Update"/>, in that order; <see cref="Write"/> and <see cref="Read"/> may be called at any time after the first <see cref="Encode"/>.</remarks>
public sealed class StepKernels
{
    private readonly JobDescriptor _descriptor;
    private readonly GroupBuilder _group;
    private readonly ShardState _shard;
    private readonly float[] _gradient;
    private readonly short[][] _hints = new short[1][];
    private readonly ArrayBufferWriter<byte> _wire = new();
    private Contribution? _contribution;

    /// <param name="elements">Of the model.</param>
    /// <param name="slots">M; the worker computes all of them.</param>
    public StepKernels(int elements, int slots)
    {
        _descriptor = new JobDescriptor
        {
            JobId = "kernels",
            Tensors = [new TensorSpec("weight", TensorKind.Parameter, [elements])],
            Shards = 1,
            Slots = slots,
            Optimizer = new OptimizerSpec(),
            Schedule = new ScheduleSpec(),
            TotalSteps = long.MaxValue,
            StepsPerEpoch = 1,
            Seed = 1,
            CheckpointDirectory = "none",
            DeterminismClass = "none",
            JobHash = "none",
        };
        _group = new GroupBuilder(_descriptor, new ModelLayout(_descriptor.Tensors, 1));
        _shard = new ShardState(_descriptor, 0);
        _shard.Initialize(new float[elements]);
        _gradient = new float[elements];
        for (int i = 0; i < elements; i++)
        {
            // About a thousandth, either sign.
            _gradient[i] = ((CounterRandom.Key(1, 2, (ulong)i) >> 40) * (2e-3f / (1 << 24))) - 1e-3f;
        }
    }

    /// <summary>A worker encodes all slots into one sum.</summary>
    public void Encode()
    {
        using (PulledVersion version = _shard.View(heldStep: _shard.Cursor.Step))
        {
            _hints[0] ??= new short[version.Hints.Length];
            version.Hints.CopyTo(_hints[0]);
        }

        _group.Begin(_shard.Cursor, _hints);
        for (int slot = 0; slot < _descriptor.Slots; slot++)
        {
            _group.Add(slot, samples: 1, lossSum: 1, _gradient);
        }

        _contribution = _group.Build("worker")[0];
    }

    /// <summary>The shard takes the sum.</summary>
    public void Add()
    {
        PushTicket ticket = _shard.Intake.BeginPush(_contribution!);
        foreach (ChunkSum chunk in _contribution!.Chunks)
        {
            _shard.Intake.AddChunk(ticket, chunk);
        }

        _shard.Intake.EndPush(ticket);
    }

    /// <summary>The shard makes the next version, and takes its hash.</summary>
    public void Update(int threads = 1)
    {
        _shard.Update(clipFactor: 1, threads);
        _shard.Commit();
        _shard.ReleasePrevious();
    }

    /// <summary>The first chunk of the sum becomes bytes.</summary>
    public void Write()
    {
        _wire.ResetWrittenCount();
        TensorMarshaller.Write(Frame(), _wire);
    }

    /// <summary>The bytes of <see cref="Write"/> become a chunk.</summary>
    public void Read() => TensorMarshaller.Read(new ReadOnlySequence<byte>(_wire.WrittenMemory)).Dispose();

    private TensorFrame Frame()
    {
        ChunkSum chunk = _contribution!.Chunks[0];
        return new TensorFrame { Index = chunk.Chunk + 1, Integers = chunk.Sums, Escapes = chunk.Escapes, Exponents = chunk.Exponents };
    }
}
