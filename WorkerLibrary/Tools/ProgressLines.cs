using System.Globalization;
using Lockstep.Contracts.Tools;
using Lockstep.Data;

namespace Lockstep.Worker.Tools;

/// <summary>Writes how far data are looked through, now and then.</summary>
internal sealed class ProgressLines(TextWriter output, TimeProvider time) : IProgress<DataProgress>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private long _told = time.GetTimestamp();

    public void Report(DataProgress value)
    {
        if (value.Total > 0 && time.GetElapsedTime(_told) >= Interval)
        {
            _told = time.GetTimestamp();
            output.WriteLine(new ToolProgress(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(value.File)}: {value.Doing}, {100 * value.Done / value.Total}%")).ToJson());
            output.Flush();
        }
    }
}
