using System.Text;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Tests.Recording;

public sealed class LineFileTests
{
    [Fact]
    public void A_disk_that_is_full_for_a_while_has_every_line_once_in_the_end()
    {
        var disk = new SmallDisk();
        using var file = new LineFile(() => disk);
        Assert.Null(file.Append("one"));
        disk.Room = 2;
        Assert.IsType<IOException>(file.Append("two"));
        // It took a part of the line.
        Assert.Equal("one\ntw", disk.Text);
        Assert.IsType<IOException>(file.Append("three"));
        Assert.Throws<IOException>(file.Flush);
        disk.Room = int.MaxValue;
        Assert.Null(file.Append("four"));
        Assert.Equal("one\ntwo\nthree\nfour\n", disk.Text);
    }

    [Fact]
    public void What_is_there_stays()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "before\n");
            using (var file = new LineFile(LineFile.At(path)))
            {
                Assert.Null(file.Append("größer"));
                // Others read along.
                Assert.Equal(["before", "größer"], File.ReadLines(path));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private sealed class SmallDisk : MemoryStream
    {
        public int Room { get; set; } = int.MaxValue;

        public string Text => Encoding.UTF8.GetString(ToArray());

        // The other overload of a derived class leads here.
        public override void Write(byte[] buffer, int offset, int count)
        {
            int taken = Math.Min(Room, count);
            base.Write(buffer, offset, taken);
            if (taken < count)
            {
                Room = 0;
                throw new IOException("No space left on device");
            }

            Room -= Room == int.MaxValue ? 0 : taken;
        }
    }
}
