namespace Lockstep.Data.Stores;

/// <summary>An object of a store.</summary>
/// <param name="Length">In bytes.</param>
/// <param name="Version">Another one for each content, such as an ETag.</param>
internal sealed record StoredObject(string Key, long Length, string Version);
