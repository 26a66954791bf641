using Lockstep.Contracts.Tools;
using Lockstep.Data;
using Lockstep.Worker.Tools;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Tools;

public sealed class ProgressLinesTests
{
    [Fact]
    public void How_far_it_is_is_told_now_and_then_and_read_again()
    {
        var time = new FakeTimeProvider();
        using var output = new StringWriter();
        var lines = new ProgressLines(output, time);
        for (int i = 0; i < 40; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            lines.Report(new DataProgress("/data/rows.csv", "reading", i, 80));
        }

        string[] told = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(8, told.Length);
        Assert.Equal("rows.csv: reading, 5%", ToolProgress.Find(told[0])!.Progress);
        Assert.Null(ToolProgress.Find("{\"errors\":[]}"));
    }
}
