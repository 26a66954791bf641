using System.Numerics;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Codec;

/// <summary>Room for escaped sums, reused from step to step. What a bucket of steps and the one before did not need is let go. Safe for many callers.</summary>
/// <param name="budget">Whom more room is asked of; null: there is no end to it.</param>
public sealed class EscapePool(IEscapeBudget? budget = null)
{
    /// <summary>Steps after which is seen what is needed no more.</summary>
    private const int Bucket = 64;

    private readonly Lock _gate = new();
    private readonly SizeClass[] _classes = [.. Enumerable.Range(0, BitOperations.Log2(ModelLayout.BlockElements) + 1).Select(_ => new SizeClass())];

    /// <value>Bytes that are held, in use or not.</value>
    public long Bytes { get; private set; }

    /// <value>Bytes that are in use.</value>
    public long BytesInUse { get; private set; }

    /// <exception cref="Protocol.ProtocolException">The budget has no more.</exception>
    internal Escape Rent(int length, int level)
    {
        int size = length <= 1 ? 0 : BitOperations.Log2((uint)length - 1) + 1;
        long bytes = (long)sizeof(int) << size;
        lock (_gate)
        {
            SizeClass room = _classes[size];
            if (!room.Free.TryPop(out Escape? escape))
            {
                budget?.Take(bytes);
                escape = new Escape(GC.AllocateUninitializedArray<int>(1 << size));
                Bytes += bytes;
            }

            room.InUse++;
            room.Most = Math.Max(room.Most, room.InUse);
            BytesInUse += bytes;
            escape.Level = level;
            escape.Higher = null;
            return escape;
        }
    }

    internal void Return(Escape escape)
    {
        lock (_gate)
        {
            SizeClass room = _classes[BitOperations.Log2((uint)escape.Room.Length)];
            room.Free.Push(escape);
            room.InUse--;
            BytesInUse -= (long)sizeof(int) * escape.Room.Length;
        }
    }

    /// <summary>A step is over; now and then lets go of what was not needed for long.</summary>
    internal void StepOver(long step)
    {
        if (step % Bucket != 0)
        {
            return;
        }

        lock (_gate)
        {
            for (int size = 0; size < _classes.Length; size++)
            {
                SizeClass room = _classes[size];
                long bytes = (long)sizeof(int) << size;
                int needed = Math.Max(room.Most, room.MostBefore);
                while (room.InUse + room.Free.Count > needed && room.Free.TryPop(out _))
                {
                    Bytes -= bytes;
                    budget?.Give(bytes);
                }

                room.Free.TrimExcess();
                (room.MostBefore, room.Most) = (room.Most, room.InUse);
            }
        }
    }

    private sealed class SizeClass
    {
        public Stack<Escape> Free { get; } = [];
        public int InUse { get; set; }
        public int Most { get; set; }
        public int MostBefore { get; set; }
    }
}

/// <summary>What the escapes of a job may take.</summary>
public interface IEscapeBudget
{
    /// <exception cref="Protocol.ProtocolException">There is no more; the job cannot go on.</exception>
    void Take(long bytes);

    void Give(long bytes);
}
