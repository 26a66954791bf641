using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Core.Optimizers;

/// <summary>Applies a rule to all elements. Products and sums are fused where the rule says so and nowhere else, so any vector width gives the same bits. State below 2⁻¹²⁶ becomes 0.</summary>
internal static class UpdateLoop
{
    /// <summary>2⁻¹²⁶.</summary>
    private const float SmallestNormal = 1.17549435e-38f;

    /// <param name="state1">Empty, with its new one, where the rule keeps none.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TRule>(TRule rule, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2)
        where TRule : struct, IUpdateRule
    {
        int length = gradient.Length;
        bool hasFirst = !state1.IsEmpty;
        bool hasSecond = !state2.IsEmpty;
        ref float gradients = ref MemoryMarshal.GetReference(gradient);
        ref float oldValue = ref MemoryMarshal.GetReference(values[..length]);
        ref float newValue = ref MemoryMarshal.GetReference(newValues[..length]);
        ref float oldFirst = ref MemoryMarshal.GetReference(hasFirst ? state1[..length] : state1);
        ref float newFirst = ref MemoryMarshal.GetReference(hasFirst ? newState1[..length] : newState1);
        ref float oldSecond = ref MemoryMarshal.GetReference(hasSecond ? state2[..length] : state2);
        ref float newSecond = ref MemoryMarshal.GetReference(hasSecond ? newState2[..length] : newState2);
        var clip = new Vector<float>(clipFactor);
        int i = 0;
        for (; i <= length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> value = Vector.LoadUnsafe(ref oldValue, (nuint)i);
            Vector<float> first = hasFirst ? Vector.LoadUnsafe(ref oldFirst, (nuint)i) : default;
            Vector<float> second = hasSecond ? Vector.LoadUnsafe(ref oldSecond, (nuint)i) : default;
            rule.Apply(Vector.LoadUnsafe(ref gradients, (nuint)i) * clip, ref value, ref first, ref second);
            value.StoreUnsafe(ref newValue, (nuint)i);
            if (hasFirst)
            {
                Flush(first).StoreUnsafe(ref newFirst, (nuint)i);
            }

            if (hasSecond)
            {
                Flush(second).StoreUnsafe(ref newSecond, (nuint)i);
            }
        }

        if (i < length)
        {
            // The rest goes through the same operations in a vector that is filled up.
            Vector<float> value = Fill(values[i..length]);
            Vector<float> first = hasFirst ? Fill(state1[i..length]) : default;
            Vector<float> second = hasSecond ? Fill(state2[i..length]) : default;
            rule.Apply(Fill(gradient[i..]) * clip, ref value, ref first, ref second);
            first = Flush(first);
            second = Flush(second);
            for (int lane = 0; i < length; i++, lane++)
            {
                newValues[i] = value[lane];
                if (hasFirst)
                {
                    newState1[i] = first[lane];
                }

                if (hasSecond)
                {
                    newState2[i] = second[lane];
                }
            }
        }
    }

    /// <summary>What decays would come to stay at the smallest number that there is, and processors take many times as long for such.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Flush(Vector<float> state) => Vector.ConditionalSelect(Vector.LessThan(Vector.Abs(state), new Vector<float>(SmallestNormal)), Vector<float>.Zero, state);

    private static Vector<float> Fill(ReadOnlySpan<float> values)
    {
        Span<float> lanes = stackalloc float[Vector<float>.Count];
        lanes.Clear();
        values.CopyTo(lanes);
        return new(lanes);
    }
}
