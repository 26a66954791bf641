using System.Reflection;
using System.Runtime.CompilerServices;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Training;
using TorchSharp;

namespace Lockstep.Worker;

/// <summary>
/// A worker program: it takes part in jobs of the layers and formats of the job file, and of the models and data sources that are added to it.
/// <code>return LockstepWorker.CreateBuilder(args).AddModel&lt;MyNet&gt;("my-net").AddDataSource&lt;MySource&gt;("my-source").Build().Run();</code>
/// </summary>
public static class LockstepWorker
{
    /// <summary>Begins one.</summary>
    /// <param name="args">The program's own arguments: the command calls the program as a tool by them.</param>
    public static LockstepWorkerBuilder CreateBuilder(string[] args) => new(args);
}

/// <summary>Collects what a worker program brings.</summary>
public sealed class LockstepWorkerBuilder
{
    private readonly string[] _args;
    private readonly ComponentCatalog _catalog = new() { Program = Assembly.GetEntryAssembly() is { Location.Length: > 0 } entry ? entry.Location : null };
    private readonly List<InputError> _errors = [];

    internal LockstepWorkerBuilder(string[] args) => _args = args;

    /// <summary>Adds a model, which job files name by <c>model.name</c>.</summary>
    /// <typeparam name="TModel">A module with a public constructor without parameters or with one <see cref="ModelContext"/>.</typeparam>
    /// <param name="name">Lower-case letters, digits and dashes, at most 40.</param>
    /// <param name="file">Where it is called, for messages: the compiler fills it in.</param>
    /// <param name="line">As <paramref name="file"/>.</param>
    /// <remarks>A name that is taken or cannot be, and a class without such a constructor, end <see cref="LockstepWorkerProgram.Run"/> with exit code 2 and the place of the call.</remarks>
    public LockstepWorkerBuilder AddModel<TModel>(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) where TModel : torch.nn.Module =>
        Noting(() => _catalog.AddModel(name, typeof(TModel)), file, line);

    /// <summary>Adds a data source, which job files name by <c>data.source</c>.</summary>
    /// <typeparam name="TSource">A class with a public constructor without parameters or with one <see cref="DataContext"/>.</typeparam>
    /// <param name="name">Lower-case letters, digits and dashes, at most 40.</param>
    /// <param name="file">Where it is called, for messages: the compiler fills it in.</param>
    /// <param name="line">As <paramref name="file"/>.</param>
    /// <remarks>As <see cref="AddModel"/>.</remarks>
    public LockstepWorkerBuilder AddDataSource<TSource>(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) where TSource : IDataSource =>
        Noting(() => _catalog.AddDataSource(name, typeof(TSource)), file, line);

    /// <summary>The program, ready to run.</summary>
    public LockstepWorkerProgram Build() => new(_args, _catalog, _errors);

    private LockstepWorkerBuilder Noting(Action add, string file, int line)
    {
        try
        {
            add();
        }
        catch (ArgumentException exception)
        {
            _errors.Add(new InputError(file, line, exception.Message.Split(" (Parameter", 2)[0], "Correct the call, or the class."));
        }

        return this;
    }
}
