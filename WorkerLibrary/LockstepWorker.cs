using System.Reflection;
using Lockstep.Abstractions;
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

    internal LockstepWorkerBuilder(string[] args) => _args = args;

    /// <summary>Adds a model, which job files name by <c>model.name</c>.</summary>
    /// <typeparam name="TModel">A module with a public constructor without parameters or with one <see cref="ModelContext"/>.</typeparam>
    /// <param name="name">Lower-case letters, digits and dashes, at most 40.</param>
    /// <exception cref="ArgumentException">The name is taken or cannot be, or the class has no such constructor.</exception>
    public LockstepWorkerBuilder AddModel<TModel>(string name) where TModel : torch.nn.Module
    {
        _catalog.AddModel(name, typeof(TModel));
        return this;
    }

    /// <summary>Adds a data source, which job files name by <c>data.source</c>.</summary>
    /// <typeparam name="TSource">A class with a public constructor without parameters or with one <see cref="DataContext"/>.</typeparam>
    /// <param name="name">Lower-case letters, digits and dashes, at most 40.</param>
    /// <exception cref="ArgumentException">The name is taken or cannot be, or the class has no such constructor.</exception>
    public LockstepWorkerBuilder AddDataSource<TSource>(string name) where TSource : IDataSource
    {
        _catalog.AddDataSource(name, typeof(TSource));
        return this;
    }

    /// <summary>The program, ready to run.</summary>
    public LockstepWorkerProgram Build() => new(_args, _catalog);
}
