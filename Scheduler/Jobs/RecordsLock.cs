using Lockstep.Contracts.Runs;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Held by a scheduler while it makes sure that it is in charge and takes over a run's records: of two that do so, the one of the newer term comes last.</summary>
internal static class RecordsLock
{
    private const string Name = "records.lock";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Who holds it for longer hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <returns>To be disposed of. A disk that takes no lock takes no records either, and then there is none.</returns>
    public static async Task<IDisposable> TakeAsync(RunFolder run, TimeProvider time, CancellationToken cancellation)
    {
        for (long begun = time.GetTimestamp(); ;)
        {
            try
            {
                Directory.CreateDirectory(run.Checkpoints);
                return new FileStream(Path.Combine(run.Checkpoints, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException exception) when (LockedFiles.IsHeld(exception) && time.GetElapsedTime(begun) < Patience)
            {
                await Task.Delay(Pause, time, cancellation);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return Stream.Null;
            }
        }
    }
}
