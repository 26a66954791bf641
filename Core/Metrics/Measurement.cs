using Lockstep.Contracts.Runs;

namespace Lockstep.Core.Metrics;

/// <summary>What an evaluation came to.</summary>
/// <param name="Values">By metric, loss first. One that cannot be had is missing, and <see cref="EvaluationDetails.Remarks"/> says why.</param>
/// <param name="Details">Null: there is no more to say.</param>
public sealed record Measurement(IReadOnlyDictionary<string, double> Values, EvaluationDetails? Details);
