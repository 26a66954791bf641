using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Metrics;

/// <summary>What is best of the evaluations so far. A part of the job's state: it is in the ledger's hash and in checkpoints.</summary>
/// <param name="Version">Null: of none could the metric be had.</param>
/// <param name="Reference">What patience goes by: the value at which it began anew.</param>
/// <param name="Waited">Evaluations since.</param>
public sealed record BestState(long? Version, double? Value, double? Reference, int Waited)
{
    /// <summary>Before the first evaluation.</summary>
    public static readonly BestState None = new(null, null, null, 0);

    /// <summary>After one more evaluation.</summary>
    /// <param name="value">Null: the metric cannot be had. That, and what is no number, is never better.</param>
    public BestState With(BestSpec rule, long version, double? value)
    {
        BestState next = IsBetter(rule, value, Value, 0) ? this with { Version = version, Value = value } : this;
        return IsBetter(rule, value, Reference, rule.MinDelta) ? next with { Reference = value, Waited = 0 } : next with { Waited = Waited + 1 };
    }

    /// <summary>Whether there is no more to hope for.</summary>
    public bool Stops(BestSpec rule) => Waited >= rule.Patience;

    public UInt128 Hash()
    {
        Span<long> words = [Version ?? -1, Bits(Value), Bits(Reference), Waited];
        return XxHash128.HashToUInt128(MemoryMarshal.AsBytes(words));
    }

    private static long Bits(double? value) => BitConverter.DoubleToInt64Bits(value ?? double.NaN);

    private static bool IsBetter(BestSpec rule, double? value, double? than, double by) =>
        value is { } number && !double.IsNaN(number) && (than is not { } known || (rule.Mode == BestMode.Max ? number > known + by : number < known - by));
}
