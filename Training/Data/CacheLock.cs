namespace Lockstep.Training;

/// <summary>One process at a time makes an entry of a cache.</summary>
internal static class CacheLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs an action while no other process does so with the same key. The lock ends with its process, whatever ends that.</summary>
    public static void Run(string directory, string key, Action action, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, key + ".lock");
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            FileStream held;
            try
            {
                held = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                cancellation.WaitHandle.WaitOne(Pause);
                continue;
            }

            using (held)
            {
                action();
                return;
            }
        }
    }
}
