using System.Security.Cryptography;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;

namespace Lockstep.Engine.Runs;

/// <summary>Holds a run's folder against a second run until it is disposed of.</summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>Name of the file in the run's folder.</summary>
    public const string FileName = "run.lock";

    /// <summary>The system takes a file's name away together with its lock.</summary>
    private static readonly bool s_endsTogether = OperatingSystem.IsWindows();

    private readonly FileStream _held;

    private RunLock(FileStream held) => _held = held;

    /// <summary>Holds a folder, which is made where there is none.</summary>
    /// <exception cref="InputException">Another run holds it.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static RunLock Hold(RunFolder folder, string output)
    {
        string path = Path.Combine(folder.Path, FileName);
        while (true)
        {
            try
            {
                Directory.CreateDirectory(folder.Path);
                var held = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, s_endsTogether ? FileOptions.DeleteOnClose : FileOptions.None);
                if (IsAt(path, held))
                {
                    return new RunLock(held);
                }

                // The run before deleted the file between the opening and the locking.
                held.Dispose();
            }
            catch (IOException exception) when (LockedFiles.IsHeld(exception))
            {
                throw new InputException(output, 0, "Another run is writing to this folder.", "Wait for its end, or choose another folder with --output.");
            }
        }
    }

    public void Dispose()
    {
        // The name goes before the lock: who locks the file next sees that it has none.
        if (!s_endsTogether)
        {
            File.Delete(_held.Name);
        }

        _held.Dispose();
    }

    /// <summary>Whether the file that is held has the name still: another one of that name has another length.</summary>
    private static bool IsAt(string path, FileStream held)
    {
        held.SetLength(RandomNumberGenerator.GetInt32(1, 1 << 20));
        return new FileInfo(path) is { Exists: true } there && there.Length == held.Length;
    }
}
