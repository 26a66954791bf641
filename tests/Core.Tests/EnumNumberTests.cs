using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests;

/// <summary>Numbers that stand in checkpoints and go over the wire are only ever added to.</summary>
public sealed class EnumNumberTests
{
    [Fact]
    public void Numbers_stay()
    {
        Assert.Equal("Parameter=1 Buffer=2", Numbers<TensorKind>());
        Assert.Equal("Accepted=1 Duplicate=2 Stale=3 Refused=4 NotFinite=5", Numbers<PushStatus>());
        Assert.StartsWith("UnknownJob=1 Conflict=2 Invalid=3 TooLarge=4 Checkpoint=5 NotFinite=6 Superseded=7 NeedsValues=8", Numbers<ProtocolError>(), StringComparison.Ordinal);
        Assert.Equal(-1, Cursor.Evaluation);
    }

    private static string Numbers<T>() where T : struct, Enum => string.Join(' ', Enum.GetValues<T>().Select(v => $"{v}={Convert.ToInt32(v, System.Globalization.CultureInfo.InvariantCulture)}"));
}
