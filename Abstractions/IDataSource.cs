namespace Lockstep.Abstractions;

/// <summary>
/// Samples that can be read in any order: what a job trains on, or measures. Register one of your own with <c>AddDataSource</c> and name it in the job file by <c>data.source</c>.
/// A sample is a pure function of its index and of <see cref="Sample.Seed"/>: the same bits in every process, whoever reads it and when. Safe for several threads at once.
/// </summary>
/// <remarks>
/// A class of one's own has a public constructor without parameters, or with one <see cref="DataContext"/>. What its methods throw ends the job, with the message, the file and the line.
/// </remarks>
public interface IDataSource : IDisposable
{
    /// <value>Number of samples; indexes are 0 … Count − 1. Does not change.</value>
    long Count { get; }

    /// <value>The tensors of a sample, inputs and labels. Does not change.</value>
    IReadOnlyList<DataField> Fields { get; }

    /// <summary>Writes one sample.</summary>
    /// <param name="index">0 … Count − 1.</param>
    /// <param name="sample">Each field's numbers, to be overwritten; they hold whatever was there before.</param>
    void Read(long index, Sample sample);
}
