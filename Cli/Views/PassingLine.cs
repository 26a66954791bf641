using Lockstep.Contracts;

namespace Lockstep.Cli.Views;

/// <summary>A line on the terminal that the next one takes the place of; where there is none, a line on standard error now and then.</summary>
internal sealed class PassingLine(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly bool _isTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not "dumb";
    private long _written = time.GetTimestamp();
    private int _width;

    public void Show(string text)
    {
        text = Printable.Of(text);
        if (_isTerminal)
        {
            Terminal.Drawing.Write($"\r{text.PadRight(_width)}");
            _width = text.Length;
        }
        else if (time.GetElapsedTime(_written) >= Interval)
        {
            _written = time.GetTimestamp();
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Takes the line away.</summary>
    public void Dispose()
    {
        if (_isTerminal && _width > 0)
        {
            Terminal.Drawing.Write($"\r{new string(' ', _width)}\r");
        }
    }
}
