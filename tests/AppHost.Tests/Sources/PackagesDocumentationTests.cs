using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lockstep.AppHost.Tests;

/// <summary>The examples of docs/packages.md are run: here, by samples/own-model or by <c>.ci/run</c>.</summary>
public sealed class PackagesDocumentationTests
{
    private static readonly string Text = Repository.Read("docs", "packages.md");

    [Fact]
    public void Its_code_is_that_which_is_compiled()
    {
        // What is built of samples/own-model from packages, and trained, and what the other tests call.
        string[][] compiled = [Lines(Repository.Read("samples", "own-model", "AppHost", "AppHost.cs")), Lines(Repository.Read("tests", "AppHost.Tests", "Sources", "Documented.cs"))];
        string[] blocks = [.. Text.Split("```").Where((_, index) => index % 2 == 1).Select(block => block["csharp\n".Length..])];
        Assert.Equal(3, blocks.Length);
        Assert.All(blocks, block => Assert.Contains(compiled, source => Holds(source, Lines(block))));
    }

    [Fact]
    public void Its_commands_are_those_that_the_continuous_integration_runs()
    {
        string run = Repository.Read(".ci", "run");
        string[] commands = [.. Text.Split('\n').Where(line => line.StartsWith("    dotnet ", StringComparison.Ordinal)).Select(line => line.Trim())];
        Assert.Equal(["dotnet pack Aspire.sln -o artifacts/packages", "dotnet tool install lockstep --tool-path ~/lockstep --source artifacts/packages"], commands);
        // Into other folders.
        Assert.Contains("dotnet pack Aspire.sln ", run, StringComparison.Ordinal);
        Assert.Contains("dotnet tool install lockstep --tool-path \"$installed/lockstep\" --source \"$installed/packages\"", run, StringComparison.Ordinal);
    }

    [Fact]
    public void An_application_that_names_images_can_be_published()
    {
        IDistributedApplicationBuilder builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions { Args = ["--operation", "publish", "--step", "publish"], DisableDashboard = true });
        Documented.Publish(builder);
        Assert.Contains(builder.Resources, resource => resource.Name == "training-scheduler" && resource is ContainerResource);
    }

    [Fact]
    public void A_service_gets_a_client()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:training"] = "http://127.0.0.1:5080;key=k";
        Documented.Serve(builder);
        using ServiceProvider services = builder.Services.BuildServiceProvider();
        Assert.NotNull(services.GetRequiredService<SchedulerClient>());
    }

    private static bool Holds(string[] source, string[] block) => Enumerable.Range(0, Math.Max(0, source.Length - block.Length + 1)).Any(at => source.AsSpan(at, block.Length).SequenceEqual(block));

    private static string[] Lines(string text) => [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
}
