using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Views;

/// <summary>Shows how a run goes.</summary>
internal interface ITrainingView : ITrainingObserver, IDisposable
{
    /// <summary>Shows the last state and nothing more.</summary>
    void Close();
}

internal static class TrainingViews
{
    /// <summary>A live view on a terminal; else plain lines.</summary>
    public static ITrainingView Create(RunCaption caption, bool json, TimeProvider time) =>
        json ? new PlainView(Console.Error, caption, time)
        : Console.IsOutputRedirected || Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is "dumb" ? new PlainView(Console.Out, caption, time)
        : new LiveView(caption, time);
}
