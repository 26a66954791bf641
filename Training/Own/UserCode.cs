using System.Diagnostics;
using System.Reflection;
using Lockstep.Contracts;

namespace Lockstep.Training;

/// <summary>Calls code that is not ours: what it throws is told by its message, its file and its line, without a stack of ours.</summary>
internal static class UserCode
{
    private const string Remedy = "Correct it there.";

    private static readonly string[] NotTheirs = ["System.", "Microsoft.", "netstandard", "TorchSharp", "Lockstep.Abstractions", "Lockstep.Contracts", "Lockstep.Core", "Lockstep.Data", "Lockstep.ServiceDefaults", "Lockstep.Training", "Lockstep.Transport", "Lockstep.Worker"];

    /// <param name="what">The subject of the message, such as "The forward pass of the model 'x'".</param>
    /// <exception cref="InputException">The call failed.</exception>
    public static T Run<T>(Func<T> call, string what)
    {
        try
        {
            return call();
        }
        catch (Exception exception) when (IsTheirs(exception))
        {
            throw Failure(exception, what);
        }
    }

    /// <summary>Whether a failure is that of the code which was called, rather than of the machine or of who called it off.</summary>
    public static bool IsTheirs(Exception exception) => exception is not (OperationCanceledException or InputException or OutOfMemoryException);

    /// <summary>What is told of a failure.</summary>
    public static InputException Failure(Exception exception, string what)
    {
        if (exception is TargetInvocationException { InnerException: { } inner })
        {
            if (inner is InputException own)
            {
                return own;
            }

            exception = inner;
        }

        if (exception is Abstractions.OptionException)
        {
            return new InputException(InputException.JobFile, 0, $"{what} asks for an option: {exception.Message}", "Correct it in 'options'.");
        }

        // What libtorch says begins with its reason; the frames of its own code come after it.
        string message = exception.Message.Split('\n')[0].Trim();
        (string file, int line) = Place(exception);
        return new InputException(file, line, $"{what} failed: {exception.GetType().Name}: {(message.EndsWith('.') ? message : message + ".")}", Remedy);
    }

    /// <summary>The innermost frame that is neither ours nor the system's: its file and line, or its method where there is no information of that.</summary>
    private static (string File, int Line) Place(Exception exception)
    {
        foreach (StackFrame frame in new StackTrace(exception, fNeedFileInfo: true).GetFrames())
        {
            if (frame.GetMethod() is not { DeclaringType: { } type } method || IsOurs(type.Assembly.GetName().Name ?? ""))
            {
                continue;
            }

            return frame.GetFileName() is { } file ? (file, frame.GetFileLineNumber()) : ($"{type.FullName}.{method.Name}", 0);
        }

        return (InputException.JobFile, 0);
    }

    /// <summary>Whether an assembly is ours, .NET's or TorchSharp's.</summary>
    public static bool IsOurs(string name) =>
        NotTheirs.Any(prefix => prefix.EndsWith('.') ? name.StartsWith(prefix, StringComparison.Ordinal) : name == prefix);
}
