using System.Runtime.InteropServices;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Calls a module of a TorchScript file with the data's inputs, in their order. What its code throws is told by the file and its own message.</summary>
/// <param name="path">Of the file, for messages.</param>
/// <param name="module">Stays the caller's.</param>
/// <param name="outputs">Shape of what the job's loss needs for one sample.</param>
internal sealed class ScriptedModel(string path, torch.jit.ScriptModule module, IReadOnlyList<DataField> inputs, IReadOnlyList<int> outputs) : ILockstepModel
{
    private readonly string[] _names = [.. inputs.Select(field => field.Name)];

    /// <summary>Looks a file through and reads it.</summary>
    /// <param name="program">Assembly of a worker program, which tries it first; null: nobody does.</param>
    /// <exception cref="InputException">It is missing, damaged, nothing that can be trained, or not for this libtorch.</exception>
    public static torch.jit.ScriptModule Load(string path, string? program)
    {
        ScriptArchive.Check(path);
        if (program is not null)
        {
            ScriptTrial.Run(path, program);
        }

        return Read(path);
    }

    /// <summary>Reads a file that was looked through.</summary>
    /// <exception cref="InputException">libtorch cannot read it, or it has nothing to train.</exception>
    public static torch.jit.ScriptModule Read(string path)
    {
        torch.jit.ScriptModule module;
        try
        {
            module = torch.jit.load(path, TorchRuntime.Device.type, TorchRuntime.Device.index);
        }
        catch (Exception exception) when (exception is ExternalException or InvalidOperationException)
        {
            throw Unreadable(path, Reason(exception));
        }

        if (module.parameters().Any(parameter => parameter.requires_grad))
        {
            return module;
        }

        module.Dispose();
        throw new InputException(path, 0, "The TorchScript file has no parameter that requires a gradient.", "Save the model before torch.jit.freeze or optimize_for_inference, which make constants of parameters, and with requires_grad where it is to be trained.");
    }

    /// <param name="reason">Of libtorch, with a stop at its end.</param>
    public static InputException Unreadable(string path, string reason) =>
        new(path, 0, $"libtorch {torch.__version__} cannot read the TorchScript file: {reason}", "Save it with a torch that is no newer, and without operators that torch itself does not have.");

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> values)
    {
        ScriptInterpreter.ExecuteAsWritten();
        object given;
        try
        {
            given = module.forward([.. _names.Select(name => (object)values[name])]);
        }
        catch (Exception exception) when (exception is ExternalException or NotImplementedException)
        {
            throw new InputException(path, 0, exception is NotImplementedException
                ? "The model's forward gives neither a tensor nor tensors."
                : $"The model's forward failed with {string.Join(", ", _names.Select(name => $"{name} [{string.Join(", ", values[name].shape)}] of {values[name].dtype}"))}: {Reason(exception)}", "It gets the data's inputs in their order, and gives one tensor.");
        }

        IReadOnlyDictionary<string, Tensor> named = given is Tensor one
            ? ModelOutputs.Of(one)
            : throw new InputException(path, 0, $"The model's forward gives {(given is null ? "None" : "several values")}, where a loss takes one tensor.", "Let forward return the tensor that the loss takes.");
        ForeignOutput.Check(Path.GetFileName(path), named, values[_names[0]].size(0), outputs);
        return named;
    }

    /// <summary>The last line of what libtorch says, which is the reason; those before it are the places in its own code and the model's.</summary>
    private static string Reason(Exception exception)
    {
        string[] lines = [.. exception.Message.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
        string reason = lines.LastOrDefault(line => line.StartsWith("RuntimeError: ", StringComparison.Ordinal) || line.Contains("Error: ", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? exception.GetType().Name;
        return reason.EndsWith('.') ? reason : reason + ".";
    }
}
