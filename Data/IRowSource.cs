using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>The files of a data set, of any format, as what is written into a row store.</summary>
internal interface IRowSource
{
    /// <summary>Looks at the files' beginnings: what is found there need not wait until all is read.</summary>
    /// <exception cref="InputException">A file is missing, cannot be read, or is of another kind.</exception>
    void CheckBeginnings();

    /// <summary>A hash of all files that are read, remembered in a cache.</summary>
    /// <exception cref="InputException">A file cannot be read.</exception>
    string Hash(string cacheDirectory);

    /// <summary>Writes all rows.</summary>
    /// <param name="output">Can be written again from its beginning.</param>
    /// <returns>What the rows are.</returns>
    /// <exception cref="InputException">The files do not fit what the job says of them.</exception>
    RowFormat Write(Stream output, CancellationToken cancellation);
}
