using Lockstep.Contracts.Jobs;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

/// <summary>A stretch of values that workers take alike.</summary>
/// <param name="IsRounded">To bfloat16; otherwise as they are.</param>
public readonly record struct PulledRun(int Offset, int Length, bool IsRounded);

/// <summary>
/// What workers compute with of a version: the values that the shards keep, or, of parameters, those rounded to bfloat16. Buffers are never rounded, as some count.
/// Rounding what is rounded changes nothing.
/// </summary>
public sealed class PullRounding
{
    /// <param name="tensors">Kinds and elements of the values, in order; neighbours may be of one kind.</param>
    /// <exception cref="ProtocolException">There is no such format.</exception>
    public PullRounding(PullFormat pull, IEnumerable<(TensorKind Kind, int Elements)> tensors)
    {
        if (!Enum.IsDefined(pull))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Workers cannot pull in the format {(int)pull}: there are {(int)PullFormat.Float32} (float32) and {(int)PullFormat.BFloat16} (bfloat16).");
        }

        var runs = new List<PulledRun>();
        foreach ((TensorKind kind, int elements) in tensors)
        {
            bool isRounded = pull == PullFormat.BFloat16 && kind == TensorKind.Parameter;
            int offset = runs.Count == 0 ? 0 : runs[^1].Offset + runs[^1].Length;
            if (runs.Count > 0 && runs[^1].IsRounded == isRounded)
            {
                runs[^1] = runs[^1] with { Length = runs[^1].Length + elements };
            }
            else
            {
                runs.Add(new PulledRun(offset, elements, isRounded));
            }
        }

        Runs = runs;
    }

    /// <value>All values, in order.</value>
    public IReadOnlyList<PulledRun> Runs { get; }

    /// <value>Whether any value is rounded.</value>
    public bool Changes => Runs.Any(run => run.IsRounded);

    /// <summary>Of the whole model vector.</summary>
    public static PullRounding OfModel(JobDescriptor descriptor) => new(descriptor.Pull, descriptor.Tensors.Select(t => (t.Kind, (int)t.Elements)));

    /// <summary>Of a shard's values, in chunk order.</summary>
    public static PullRounding OfShard(JobDescriptor descriptor, ModelLayout layout, int shard) =>
        new(descriptor.Pull, layout.ChunksOf(shard).SelectMany(c => layout.Blocks.Skip(c.FirstBlock).Take(c.BlockCount)).Select(b => (b.Kind, b.Length)));

    /// <summary>The values as workers take them.</summary>
    /// <param name="values">As the shards keep them.</param>
    /// <param name="taken">As many, overwritten; may be the same memory.</param>
    public void Apply(ReadOnlySpan<float> values, Span<float> taken)
    {
        foreach (PulledRun run in Runs)
        {
            ReadOnlySpan<float> from = values.Slice(run.Offset, run.Length);
            Span<float> to = taken.Slice(run.Offset, run.Length);
            if (run.IsRounded)
            {
                BFloat16.Round(from, to);
            }
            else
            {
                from.CopyTo(to);
            }
        }
    }
}
