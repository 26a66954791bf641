using System.Reflection;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>The models and data sources that a worker program brings, by the names that job files have for them.</summary>
public sealed class ComponentCatalog
{
    private readonly Dictionary<string, Func<ModelContext, torch.nn.Module>> _models = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Func<DataContext, IDataSource>> _sources = new(StringComparer.Ordinal);
    private readonly HashSet<Assembly> _assemblies = [];

    /// <value>What has only the layers and formats of the job file.</value>
    public static ComponentCatalog Empty { get; } = new();

    /// <value>Assembly of the worker program, which tries TorchScript files in a process of its own; null: there is none that could.</value>
    public string? Program { get; init; }

    /// <value>Those that the registered classes are in.</value>
    public IReadOnlyCollection<Assembly> Assemblies => _assemblies;

    /// <summary>Registers a model.</summary>
    /// <exception cref="ArgumentException">The name is taken or cannot be, or the class has no fitting constructor.</exception>
    public void AddModel(string name, Type type)
    {
        CheckName(name, _models.ContainsKey(name));
        _models[name] = Constructor<ModelContext, torch.nn.Module>(type);
        _assemblies.Add(type.Assembly);
    }

    /// <summary>Registers a data source.</summary>
    /// <exception cref="ArgumentException">The name is taken or cannot be, or the class has no fitting constructor.</exception>
    public void AddDataSource(string name, Type type)
    {
        CheckName(name, _sources.ContainsKey(name));
        _sources[name] = Constructor<DataContext, IDataSource>(type);
        _assemblies.Add(type.Assembly);
    }

    /// <exception cref="InputException">No such model is registered, or its constructor threw.</exception>
    internal torch.nn.Module MakeModel(string name, ModelContext context) =>
        UserCode.Run(() => Find(_models, name, "model", "AddModel")(context), $"The constructor of the model '{name}'");

    /// <exception cref="InputException">No such source is registered, or its constructor threw.</exception>
    internal IDataSource MakeDataSource(string name, DataContext context) =>
        UserCode.Run(() => Find(_sources, name, "data source", "AddDataSource")(context), $"The constructor of the data source '{name}'");

    private static T Find<T>(Dictionary<string, T> known, string name, string kind, string method) => known.TryGetValue(name, out T? found)
        ? found
        : throw new InputException(InputException.JobFile, 0, $"The worker program has no {kind} '{name}'; it has {(known.Count == 0 ? "none of its own" : string.Join(", ", known.Keys.Order(StringComparer.Ordinal)))}.", $"Register it with {method}, and name that program with --worker.");

    private static void CheckName(string name, bool taken)
    {
        if (taken || !Contracts.Jobs.JobNames.IsComponent(name))
        {
            throw new ArgumentException(taken ? $"The name '{name}' is taken." : $"'{name}' is no name: use lower-case letters, digits and dashes, at most 40.", nameof(name));
        }
    }

    private static Func<TContext, T> Constructor<TContext, T>(Type type)
    {
        ConstructorInfo[] constructors = type.IsAbstract || !type.IsAssignableTo(typeof(T)) ? [] : type.GetConstructors();
        if (constructors.FirstOrDefault(c => c.GetParameters() is [{ ParameterType: var only }] && only == typeof(TContext)) is { } told)
        {
            return context => (T)told.Invoke([context]);
        }

        return constructors.FirstOrDefault(c => c.GetParameters().Length == 0) is { } plain
            ? _ => (T)plain.Invoke([])
            : throw new ArgumentException($"{type} must be a class that is a {typeof(T).Name}, with a public constructor without parameters or with one {typeof(TContext).Name}.", nameof(type));
    }
}
