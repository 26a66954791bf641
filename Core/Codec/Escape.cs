using System.Buffers;

namespace Lockstep.Core.Codec;

/// <summary>Room for one block's sum at an exponent above its hint. Those of a chunk are strung together when they are sent.</summary>
internal sealed class Escape(int[] room) : ReadOnlySequenceSegment<int>
{
    public int[] Room { get; } = room;

    /// <value>Level of <see cref="BlockExponent"/>, at least 1.</value>
    public int Level { get; set; }

    /// <value>The block's next higher one.</value>
    public Escape? Higher { get; set; }

    /// <summary>Makes it the end of a sequence.</summary>
    public void Link(Escape? before, int length)
    {
        Memory = Room.AsMemory(0, length);
        Next = null;
        RunningIndex = 0;
        if (before is not null)
        {
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
