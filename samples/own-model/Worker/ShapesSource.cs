using Lockstep.Abstractions;

namespace OwnModel.Worker;

/// <summary>
/// Pictures of 16 × 16 that are drawn when they are asked for: a disc, a square, a triangle or a cross, somewhere, of some size, in noise.
/// A sample is a function of its index alone, in whole numbers, so that it is the same on every machine.
/// </summary>
public sealed class ShapesSource(DataContext context) : IDataSource
{
    private const int Edge = 16;
    private const int Shapes = 4;

    private readonly int _noise = context.Options.Whole("noise", 60);

    public long Count { get; } = context.Options.Whole("count", 4000);

    public IReadOnlyList<DataField> Fields { get; } = [DataField.Input("picture", 1, Edge, Edge), DataField.Class("shape", Shapes)];

    public void Read(long index, Sample sample)
    {
        var random = new Draws((ulong)index);
        int shape = (int)(index % Shapes);
        int size = 3 + random.Next(3), x = 6 + random.Next(Edge - 12), y = 6 + random.Next(Edge - 12);
        Span<float> picture = sample.Floats("picture");
        for (int i = 0; i < picture.Length; i++)
        {
            int dx = (i % Edge) - x, dy = (i / Edge) - y;
            int value = (Covers(shape, size, dx, dy) ? 150 : 0) + random.Next(_noise + 1);
            picture[i] = value / 128f;
        }

        sample.Set("shape", shape);
    }

    public void Dispose()
    {
    }

    private static bool Covers(int shape, int size, int dx, int dy) => shape switch
    {
        0 => (dx * dx) + (dy * dy) <= size * size,
        1 => Math.Abs(dx) < size && Math.Abs(dy) < size,
        2 => dy >= -size && dy <= size && Math.Abs(dx) * 2 <= dy + size,
        _ => (Math.Abs(dx) <= 1 && Math.Abs(dy) <= size) || (Math.Abs(dy) <= 1 && Math.Abs(dx) <= size),
    };

    /// <summary>Numbers that follow from a seed alone (SplitMix64).</summary>
    private struct Draws(ulong seed)
    {
        private ulong _state = seed;

        public int Next(int below)
        {
            _state += 0x9E3779B97F4A7C15;
            ulong z = _state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return (int)((z ^ (z >> 31)) % (ulong)below);
        }
    }
}
