using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Core.Layout;

/// <summary>At most 4,096 elements of one tensor: the unit that has a range and a hash.</summary>
/// <param name="Index">Position in the model.</param>
/// <param name="Tensor">Index of its tensor.</param>
/// <param name="ModelOffset">First element in the flat model vector.</param>
public readonly record struct Block(int Index, int Tensor, int ModelOffset, int Length, TensorKind Kind);

/// <summary>A run of blocks, at most 1 MiB of float32: the unit of adding and of the wire.</summary>
/// <param name="Shard">Whose it is; the only thing here that depends on the number of shards.</param>
public readonly record struct Chunk(int Index, int FirstBlock, int BlockCount, int ModelOffset, int Length, int Shard);

/// <summary>How a model is cut into blocks, chunks and shards. Blocks and chunks follow from the tensors alone.</summary>
public sealed class ModelLayout
{
    public const int BlockElements = 4096;
    public const int ChunkElements = 262_144;

    /// <summary>A model of any size gives about this many chunks at least, so that it can be spread over shards.</summary>
    private const int ChunksWanted = 8;

    private readonly Chunk[][] _byShard;
    private readonly int[] _elements;
    private readonly int[] _blocks;

    /// <param name="tensors">In model order; the flat model vector is their concatenation.</param>
    /// <param name="shards">At least 1; a shard may stay without chunks where there are more shards than chunks.</param>
    /// <exception cref="ArgumentException">The model has no element, or more than an array can hold.</exception>
    public ModelLayout(IReadOnlyList<TensorSpec> tensors, int shards)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shards, 1);
        long total = tensors.Sum(t => t.Elements);
        if (total is <= 0 or > int.MaxValue - ChunkElements || tensors.Any(t => t.Elements <= 0))
        {
            throw new ArgumentException($"A model of {total} elements in {tensors.Count} tensors cannot be laid out: 1 to {int.MaxValue - ChunkElements} elements, and none of the tensors empty.", nameof(tensors));
        }

        Shards = shards;
        Elements = (int)total;
        Blocks = CutBlocks(tensors);
        Chunks = CutChunks(Blocks, Elements, shards);
        _byShard = [.. Enumerable.Range(0, shards).Select(s => Chunks.Where(c => c.Shard == s).ToArray())];
        _elements = [.. _byShard.Select(chunks => chunks.Sum(c => c.Length))];
        _blocks = [.. _byShard.Select(chunks => chunks.Sum(c => c.BlockCount))];
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(';', tensors.Select(t => $"{t.Name}:{t.Kind}:{string.Join('x', t.Shape)}")))));
    }

    public int Shards { get; }

    /// <value>Length of the flat model vector.</value>
    public int Elements { get; }

    public IReadOnlyList<Block> Blocks { get; }
    public IReadOnlyList<Chunk> Chunks { get; }

    /// <value>Hexadecimal hash of names, kinds and shapes.</value>
    public string Fingerprint { get; }

    /// <summary>A shard's chunks, ascending.</summary>
    public IReadOnlyList<Chunk> ChunksOf(int shard) => _byShard[shard];

    public int ShardElements(int shard) => _elements[shard];

    public int ShardBlocks(int shard) => _blocks[shard];

    /// <summary>The elements of a shard's chunks, in chunk order.</summary>
    public float[] Gather(int shard, ReadOnlySpan<float> model)
    {
        var values = new float[_elements[shard]];
        int offset = 0;
        foreach (Chunk chunk in _byShard[shard])
        {
            model.Slice(chunk.ModelOffset, chunk.Length).CopyTo(values.AsSpan(offset));
            offset += chunk.Length;
        }

        return values;
    }

    /// <summary>Writes the elements of a shard's chunks to their places in the flat model vector.</summary>
    public void Scatter(int shard, ReadOnlySpan<float> values, Span<float> model)
    {
        if (values.Length != _elements[shard])
        {
            throw new ArgumentException($"Shard {shard} has {_elements[shard]} elements, not {values.Length}.", nameof(values));
        }

        foreach (Chunk chunk in _byShard[shard])
        {
            values[..chunk.Length].CopyTo(model[chunk.ModelOffset..]);
            values = values[chunk.Length..];
        }
    }

    private static Block[] CutBlocks(IReadOnlyList<TensorSpec> tensors)
    {
        var blocks = new List<Block>();
        int offset = 0;
        for (int tensor = 0; tensor < tensors.Count; tensor++)
        {
            for (int left = (int)tensors[tensor].Elements; left > 0;)
            {
                int length = Math.Min(left, BlockElements);
                blocks.Add(new Block(blocks.Count, tensor, offset, length, tensors[tensor].Kind));
                offset += length;
                left -= length;
            }
        }

        return [.. blocks];
    }

    private static Chunk[] CutChunks(IReadOnlyList<Block> blocks, int elements, int shards)
    {
        int target = Math.Clamp(elements / ChunksWanted, 1, ChunkElements);
        var chunks = new List<Chunk>();
        for (int first = 0; first < blocks.Count;)
        {
            int count = 0;
            int length = 0;
            while (first + count < blocks.Count && (count == 0 || length + blocks[first + count].Length <= target))
            {
                length += blocks[first + count].Length;
                count++;
            }

            int offset = blocks[first].ModelOffset;
            int shard = (int)((offset + (length / 2)) * (long)shards / elements);
            chunks.Add(new Chunk(chunks.Count, first, count, offset, length, Math.Min(shard, shards - 1)));
            first += count;
        }

        return [.. chunks];
    }
}
