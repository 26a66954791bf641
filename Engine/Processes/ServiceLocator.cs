using Lockstep.Contracts.Services;
using Lockstep.Contracts;

namespace Lockstep.Engine.Processes;

/// <summary>Finds the services' executables: where <c>LOCKSTEP_SERVICES</c> says, in <c>services/</c> beside the command, or in the projects' output folders of a source tree.</summary>
public sealed class ServiceLocator
{
    /// <summary>Environment variable: a folder with one folder a service, such as <c>Scheduler/Lockstep.Scheduler.dll</c>.</summary>
    public const string OverrideName = "LOCKSTEP_SERVICES";

    /// <summary>Environment variable: a worker program of the user's own, as <see cref="WithWorker"/> takes it.</summary>
    public const string WorkerName = "LOCKSTEP_WORKER";

    private const int LevelsUp = 4;

    private readonly Func<string, string> _pathOf;
    private string? _worker;

    private ServiceLocator(Func<string, string> pathOf) => _pathOf = pathOf;

    /// <summary>Finds them as this process's environment says.</summary>
    /// <param name="worker">A worker program of the user's own, from an option; null: as <see cref="WorkerName"/> says, else the product's.</param>
    /// <param name="option">The option's name.</param>
    /// <exception cref="InputException">They are nowhere.</exception>
    public static ServiceLocator FromEnvironment(string? worker = null, string option = "--worker") =>
        Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(OverrideName)).WithWorker(worker ?? Environment.GetEnvironmentVariable(WorkerName), worker is null ? WorkerName : option);

    /// <param name="baseDirectory">Folder of the running program, as <see cref="AppContext.BaseDirectory"/> gives it.</param>
    /// <param name="folder">Value of <see cref="OverrideName"/>; null or empty: look around.</param>
    /// <exception cref="InputException">The services are nowhere.</exception>
    public static ServiceLocator Find(string baseDirectory, string? folder)
    {
        if (!string.IsNullOrWhiteSpace(folder))
        {
            return Check(new(service => Path.Combine(Path.GetFullPath(folder), service, FileName(service))), folder, $"Set {OverrideName} to a folder that has Scheduler, ParameterServer and Worker in it, or leave it out.");
        }

        string published = Path.Combine(baseDirectory, "services");
        if (Directory.Exists(published))
        {
            return Check(new(service => Path.Combine(published, service, FileName(service))), published, "Install it again.");
        }

        // <project>/bin/<configuration>/<framework>: the services were built alike, in projects beside this one.
        var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(baseDirectory));
        DirectoryInfo? at = framework.Parent?.Parent?.Parent?.Parent;
        for (int level = 0; at is not null && level < LevelsUp; level++, at = at.Parent)
        {
            string root = at.FullName;
            string Built(string service) => Path.Combine(root, service, "bin", framework.Parent!.Name, framework.Name, FileName(service));
            if (File.Exists(Built(Services.Scheduler)))
            {
                return Check(new(Built), root, "Build the solution.");
            }
        }

        throw new InputException(baseDirectory, 0, "The services (scheduler, parameter server, worker) were not found.", $"Build the solution, or set {OverrideName} to their folder.");
    }

    /// <summary>The assembly of a service.</summary>
    /// <param name="service">One of <see cref="Services"/>.</param>
    public string PathOf(string service) => service == Services.Worker && _worker is { } own ? own : _pathOf(service);

    /// <summary>With a worker program of the user's own in place of the product's.</summary>
    /// <param name="path">Its assembly, or the project or folder that it was built in; null or empty: the product's.</param>
    /// <param name="named">What named it, for messages.</param>
    /// <exception cref="InputException">There is none.</exception>
    public ServiceLocator WithWorker(string? path, string named) => string.IsNullOrWhiteSpace(path) ? this : new ServiceLocator(_pathOf) { _worker = WorkerProgram.Find(path, named) };

    /// <summary>Name of a service's assembly.</summary>
    public static string FileName(string service) => $"Lockstep.{(service == Services.Worker ? "WorkerService" : service)}.dll";

    private static ServiceLocator Check(ServiceLocator locator, string folder, string remedy)
    {
        InputError[] missing = [.. Services.All.Select(locator.PathOf).Where(path => !File.Exists(path)).Select(path => new InputError(folder, 0, $"{path} is missing.", remedy))];
        return missing.Length == 0 ? locator : throw new InputException(missing);
    }
}

/// <summary>Names of the services that are processes of their own.</summary>
public static class Services
{
    public const string Scheduler = "Scheduler";
    public const string ParameterServer = "ParameterServer";
    public const string Worker = "Worker";

    public static IReadOnlyList<string> All { get; } = [Scheduler, ParameterServer, Worker];
}
