using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>What is known of a job's evaluations where they are gathered.</summary>
public interface IEvaluations
{
    /// <summary>Takes one slot of an evaluation; the first one in counts. What is over already needs no more.</summary>
    /// <exception cref="ProtocolException">The job has no such slot, or is in another generation.</exception>
    void ReportEvaluation(Cursor cursor, int slot, string workerId, EvaluationPart part);

    /// <summary>Slots of an evaluation that are not in; none where the job is past it.</summary>
    /// <exception cref="ProtocolException">The job is in another generation.</exception>
    IReadOnlyList<int> MissingEvaluation(Cursor cursor);

    /// <summary>Whether the job ends at a version: it has no more steps, or its evaluations say that there is no more to hope for. Asked once the evaluation of the version is whole.</summary>
    bool IsLast(Cursor version);
}
