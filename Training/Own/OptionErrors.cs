using Lockstep.Abstractions;
using Lockstep.Contracts;

namespace Lockstep.Training;

/// <summary>Options that a job file gives and nobody reads.</summary>
internal static class OptionErrors
{
    /// <exception cref="InputException">There are some.</exception>
    public static void Check(ComponentOptions options, string subject, string key)
    {
        if (options.Unasked is { Count: > 0 } unasked)
        {
            throw new InputException(InputException.JobFile, 0, $"{subject} does not read the option {string.Join(", ", unasked)} of '{key}'.", options.Asked.Count == 0 ? "It has no options: remove them." : $"It reads {string.Join(", ", options.Asked)}.");
        }
    }
}
