using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Runs;

namespace Lockstep.Engine.Tests.Runs;

public sealed class RunLockTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-lock-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void It_leaves_nothing_behind()
    {
        using (RunLock.Hold(new RunFolder(_folder.FullName), "out"))
        {
            Assert.Single(_folder.EnumerateFileSystemInfos());
            Assert.Contains("Another run is writing", Assert.Throws<InputException>(() => RunLock.Hold(new RunFolder(_folder.FullName), "out")).Message, StringComparison.Ordinal);
        }

        Assert.Empty(_folder.EnumerateFileSystemInfos());
    }

    /// <summary>Where the lock ends before its name does, a second and a third hold the folder at once.</summary>
    [Fact]
    public async Task Of_many_that_hurry_after_each_other_one_holds_it_at_a_time()
    {
        int holders = 0;
        int together = 0;
        int held = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                try
                {
                    using RunLock one = RunLock.Hold(new RunFolder(_folder.FullName), "out");
                    Interlocked.Increment(ref held);
                    if (Interlocked.Increment(ref holders) > 1)
                    {
                        Interlocked.Increment(ref together);
                    }

                    Thread.Yield();
                    Interlocked.Decrement(ref holders);
                }
                catch (InputException)
                {
                    // Another holds it.
                }
            }
        })));

        Assert.Equal(0, together);
        Assert.True(held > 0);
        Assert.Empty(_folder.EnumerateFileSystemInfos());
    }
}
