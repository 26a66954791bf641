using System.Diagnostics;
using Lockstep.Contracts;
using Xunit;

namespace Lockstep.Fuzzing;

/// <summary>
/// What a command does with inputs of any kind: it takes them, or says what is wrong as it is said of every input: file, place, value and remedy, without a control character or a frame of a stack.
/// Anything else fails the test, and so does a case that takes longer than the guard. Safe for several threads.
/// </summary>
internal sealed class InputTrial
{
    private const int LongestMessage = 100_000;

    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private int _taken;
    private int _refused;
    private TimeSpan _slowest;
    private string _slowestInput = "";

    /// <summary>One case.</summary>
    /// <param name="read">Fails with an <see cref="InputException"/> where the input is bad: the command's exit code 2.</param>
    /// <param name="input">Shows it, where something is to be said of it.</param>
    public void Run(Action read, Func<string> input)
    {
        var watch = Stopwatch.StartNew();
        InputException? refusal = null;
        var running = Task.Run(read);
        try
        {
            Assert.True(running.Wait(Guard), $"Longer than {Guard.TotalSeconds:0} s: {input()}");
        }
        catch (AggregateException exception) when (exception.InnerException is InputException bad)
        {
            refusal = bad;
            Check(bad, input);
        }
        catch (AggregateException exception)
        {
            Assert.Fail($"{exception.InnerException}{Environment.NewLine}of: {input()}");
        }

        lock (_gate)
        {
            _ = refusal is null ? _taken++ : _refused++;
            if (watch.Elapsed > _slowest)
            {
                (_slowest, _slowestInput) = (watch.Elapsed, input());
            }
        }
    }

    /// <summary>Tells how it went; fails where all inputs were good, or all bad: then little was tried.</summary>
    public void End()
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{_taken} inputs taken, {_refused} refused; the slowest took {_slowest.TotalMilliseconds:0.0} ms: {(_slowestInput.Length > 500 ? _slowestInput[..500] + "…" : _slowestInput)}");
        Assert.NotEqual(0, _taken);
        Assert.NotEqual(0, _refused);
    }

    private static void Check(InputException refusal, Func<string> input)
    {
        Assert.NotEmpty(refusal.Errors);
        Assert.All(refusal.Errors, error => Assert.True(
            error.File.Length > 0 && error.Line >= 0 && IsSentence(error.Message) && IsSentence(error.Remedy),
            $"No file, place, value and remedy: {error}{Environment.NewLine}of: {input()}"));
        Assert.True(refusal.Message.Length <= LongestMessage, $"A message of {refusal.Message.Length} characters of: {input()}");
        Assert.True(
            refusal.Message.ReplaceLineEndings("").All(c => !char.IsControl(c)) && !refusal.Message.Contains("   at ", StringComparison.Ordinal) && !refusal.Message.Contains("Exception", StringComparison.Ordinal),
            $"Control characters or a stack in: {Printable.Of(refusal.Message)}{Environment.NewLine}of: {input()}");
    }

    private static bool IsSentence(string text) => text.Length > 1 && text[^1] is '.' or '?' or '!';
}
