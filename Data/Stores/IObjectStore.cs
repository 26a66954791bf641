using Lockstep.Contracts;

namespace Lockstep.Data.Stores;

/// <summary>One bucket or container of an object store.</summary>
internal interface IObjectStore : IDisposable
{
    /// <summary>Looks for an object.</summary>
    /// <returns>Null: there is none of that name.</returns>
    /// <exception cref="InputException">The store refuses, or cannot be reached.</exception>
    StoredObject? Find(string key);

    /// <summary>The objects whose names begin so, in ordinal order.</summary>
    /// <exception cref="InputException">The store refuses, or cannot be reached.</exception>
    IReadOnlyList<StoredObject> List(string prefix);

    /// <summary>Reads an object into a stream, once.</summary>
    /// <exception cref="InputException">The store refuses, or cannot be reached.</exception>
    /// <exception cref="IOException">The connection broke off.</exception>
    void Read(StoredObject stored, Stream target, CancellationToken cancellation);
}
