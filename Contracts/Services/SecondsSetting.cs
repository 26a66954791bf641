using System.Globalization;

namespace Lockstep.Contracts.Services;

/// <summary>A length of time in the environment: whole seconds above 0.</summary>
public static class SecondsSetting
{
    /// <param name="text">As it is set; null or empty: it is not.</param>
    /// <param name="name">As <c>EnvironmentNames</c> has it.</param>
    /// <param name="seconds">Where it is not set.</param>
    /// <exception cref="InputException">It is set to something else.</exception>
    public static TimeSpan Read(string? text, string name, int seconds)
    {
        if (string.IsNullOrEmpty(text))
        {
            return TimeSpan.FromSeconds(seconds);
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int set) && set > 0
            ? TimeSpan.FromSeconds(set)
            : throw new InputException(InputException.ProcessEnvironment, 0, $"{name} is '{text}', which is no number of seconds.", string.Create(CultureInfo.InvariantCulture, $"Set it to a whole number above 0, or leave it out for {seconds}."));
    }
}
