using Lockstep.Contracts.Services;
using Lockstep.Contracts;

namespace Lockstep.AppHost;

/// <summary>The services as they were built along with the application host: started at once, where a <c>dotnet run</c> for each would cost seconds and 200 MB.</summary>
internal static class BuiltPrograms
{
    /// <summary>The assembly of a project, built alike: in bin/configuration/framework, as this program is.</summary>
    /// <param name="project">Path of its file.</param>
    /// <exception cref="InputException">It was not built.</exception>
    public static string AssemblyOf(string project)
    {
        var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string name = Path.GetFileNameWithoutExtension(project);
        string assembly = Path.Combine(Path.GetDirectoryName(project)!, "bin", framework.Parent!.Name, framework.Name, name switch { "Cli" => "lockstep.dll", "Worker" => "Lockstep.WorkerService.dll", _ => $"Lockstep.{name}.dll" });
        return File.Exists(assembly) ? assembly : throw new InputException(assembly, 0, "It was not built.", "Build the solution, or start without --no-build.");
    }

    /// <summary>Lets the orchestrator start the project's assembly.</summary>
    /// <param name="assembly">Of another program; null: the project's.</param>
    public static IResourceBuilder<ProjectResource> StartedAsBuilt(this IResourceBuilder<ProjectResource> service, string? assembly)
    {
        assembly ??= AssemblyOf(service.Resource.GetProjectMetadata().ProjectPath);
        return service
            .WithAnnotation(new ExecutableAnnotation { Command = DotnetHost.Command, WorkingDirectory = Path.GetDirectoryName(assembly)! })
            .WithArgs(assembly);
    }
}
