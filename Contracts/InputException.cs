namespace Lockstep.Contracts;

/// <summary>One thing that is wrong with an input, where it is, and what to do about it.</summary>
/// <param name="Line">One-based; 0 where a line makes no sense.</param>
/// <remarks>Nothing in it moves a terminal's cursor or worse, whatever the input has: control characters are written as their numbers.</remarks>
public sealed record InputError(string File, int Line, string Message, string Remedy)
{
    public string File { get; init; } = Printable.Of(File);
    public string Message { get; init; } = Printable.Of(Message);
    public string Remedy { get; init; } = Printable.Of(Remedy);

    public override string ToString() => Line > 0 ? $"{File}:{Line}: {Message} {Remedy}" : $"{File}: {Message} {Remedy}";
}

/// <summary>Bad input of a person: the command line answers it with exit code 2.</summary>
public sealed class InputException(IReadOnlyList<InputError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    /// <summary>Stands for the job's file where its path is not known: with the services, which get the job as JSON.</summary>
    public const string JobFile = "job file";

    /// <summary>Stands for what the process was given as its environment and configuration.</summary>
    public const string ProcessEnvironment = "environment";

    public InputException(string file, int line, string message, string remedy) : this([new(file, line, message, remedy)]) { }

    public IReadOnlyList<InputError> Errors { get; } = errors;
}
