namespace Lockstep.Contracts;

/// <summary>One thing that is wrong with an input, where it is, and what to do about it.</summary>
/// <param name="Line">One-based; 0 where a line makes no sense.</param>
/// <remarks>Nothing in it moves a terminal's cursor or worse, whatever the input has: control characters are written as their numbers.</remarks>
public sealed record InputError(string File, int Line, string Message, string Remedy)
{
    public string File { get; init; } = Printable.Of(File);
    public string Message { get; init; } = Printable.Of(Shorten(Message));
    public string Remedy { get; init; } = Printable.Of(Shorten(Remedy));

    /// <summary>A value of the input may be as long as a file.</summary>
    private const int LongestText = 2000;

    public override string ToString() => Line > 0 ? $"{File}:{Line}: {Message} {Remedy}" : $"{File}: {Message} {Remedy}";

    /// <summary>The middle is left out: a message begins with what is wrong and ends with why.</summary>
    private static string Shorten(string text) => text.Length <= LongestText ? text : $"{text[..(LongestText / 2)]} … ({text.Length - LongestText} characters) … {text[^(LongestText / 2)..]}";
}

/// <summary>Bad input of a person: the command line answers it with exit code 2.</summary>
public sealed class InputException(IReadOnlyList<InputError> errors)
    : Exception(Text(errors))
{
    /// <summary>More at once help nobody.</summary>
    private const int MostShown = 20;

    /// <summary>Stands for the job's file where its path is not known: with the services, which get the job as JSON.</summary>
    public const string JobFile = "job file";

    /// <summary>Stands for what the process was given as its environment and configuration.</summary>
    public const string ProcessEnvironment = "environment";

    public InputException(string file, int line, string message, string remedy) : this([new(file, line, message, remedy)]) { }

    public IReadOnlyList<InputError> Errors { get; } = errors;

    private static string Text(IReadOnlyList<InputError> errors) => string.Join(
        Environment.NewLine,
        errors.Count <= MostShown ? errors.Select(error => error.ToString()) : [.. errors.Take(MostShown).Select(error => error.ToString()), $"… and {errors.Count - MostShown} more errors like these."]);
}
