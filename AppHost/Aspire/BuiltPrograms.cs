using Lockstep.Contracts;
using Lockstep.Engine.Processes;

namespace Lockstep.AppHost;

/// <summary>The services as they were built along with the application host: started at once, where a <c>dotnet run</c> for each would cost seconds and 200 MB.</summary>
internal static class BuiltPrograms
{
    /// <summary>The assembly of a project, built alike: in bin/configuration/framework, as this program is.</summary>
    /// <exception cref="InputException">It was not built.</exception>
    public static string AssemblyOf(IProjectMetadata project)
    {
        var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string name = Path.GetFileNameWithoutExtension(project.ProjectPath);
        string assembly = Path.Combine(Path.GetDirectoryName(project.ProjectPath)!, "bin", framework.Parent!.Name, framework.Name, name == "Cli" ? "lockstep.dll" : $"Lockstep.{name}.dll");
        return File.Exists(assembly) ? assembly : throw new InputException(assembly, 0, "It was not built.", "Build the solution, or start without --no-build.");
    }

    /// <summary>Lets the orchestrator start the project's assembly.</summary>
    public static IResourceBuilder<ProjectResource> StartedAsBuilt(this IResourceBuilder<ProjectResource> service)
    {
        string assembly = AssemblyOf(service.Resource.GetProjectMetadata());
        return service
            .WithAnnotation(new ExecutableAnnotation { Command = DotnetHost.Command, WorkingDirectory = Path.GetDirectoryName(assembly)! })
            .WithArgs(assembly);
    }
}
