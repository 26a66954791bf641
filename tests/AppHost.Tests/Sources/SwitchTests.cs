using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lockstep.AppHost.Tests;

/// <summary>UseAspire=false asks for nothing of Aspire; unset, the same project is an Aspire application host.</summary>
public sealed class SwitchTests
{
    /// <summary>The projects that know of Aspire.</summary>
    private static readonly string[] Aware = ["AppHost/AppHost.csproj", "ServiceDefaults/ServiceDefaults.csproj", "tests/AppHost.Tests/AppHost.Tests.csproj"];

    [Fact]
    public void No_other_project_knows_of_Aspires_packages()
    {
        string[] all = [.. Regex.Matches(Repository.Read("Aspire.sln"), "\"([^\"]+\\.csproj)\"").Select(m => m.Groups[1].Value.Replace('\\', '/'))];
        Assert.Subset(all.ToHashSet(StringComparer.Ordinal), Aware.ToHashSet(StringComparer.Ordinal));
        Assert.All(all.Except(Aware), project => Assert.DoesNotContain("Include=\"Aspire.", Repository.Read(project), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("AppHost/AppHost.csproj")]
    [InlineData("ServiceDefaults/ServiceDefaults.csproj")]
    [InlineData("tests/AppHost.Tests/AppHost.Tests.csproj")]
    public async Task Without_Aspire_nothing_references_its_packages(string project)
    {
        JsonElement items = await EvaluateAsync(project);
        Assert.DoesNotContain(Names(items, "PackageReference"), name => name.StartsWith("Aspire.", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(Names(items, "PackageVersion"), name => name.StartsWith("Aspire.", StringComparison.OrdinalIgnoreCase));
        Assert.NotEmpty(Names(items, "PackageVersion"));
    }

    [Fact]
    public async Task Without_Aspire_the_application_host_is_the_embedded_engine()
    {
        JsonElement items = await EvaluateAsync("AppHost/AppHost.csproj");
        string[] compiled = Names(items, "Compile");
        Assert.Contains("Embedded.cs", compiled);
        Assert.DoesNotContain(compiled, file => file == "AppHost.cs" || file.StartsWith("Aspire", StringComparison.Ordinal));
        Assert.Contains(Names(items, "ProjectReference"), reference => reference.EndsWith("Engine.csproj", StringComparison.Ordinal));
    }

    [Fact]
    public void The_imports_of_the_two_kits_exclude_each_other()
    {
        XElement project = XDocument.Load(Repository.PathOf("AppHost", "AppHost.csproj")).Root!;
        Assert.Null(project.Attribute("Sdk"));
        var imports = project.Elements("Import").ToLookup(i => i.Attribute("Sdk")!.Value);
        Assert.Equal(["Sdk.props", "Sdk.targets"], imports["Aspire.AppHost.Sdk"].Select(i => i.Attribute("Project")!.Value));
        Assert.Equal(["Sdk.props", "Sdk.targets"], imports["Microsoft.NET.Sdk"].Select(i => i.Attribute("Project")!.Value));
        Assert.All(imports["Aspire.AppHost.Sdk"], i => Assert.Equal("'$(UseAspire)' != 'false'", i.Attribute("Condition")!.Value));
        Assert.All(imports["Microsoft.NET.Sdk"], i => Assert.Equal("'$(UseAspire)' == 'false'", i.Attribute("Condition")!.Value));
    }

    [Fact]
    public void All_of_Aspire_has_one_version_and_is_asked_for_under_the_switch_only()
    {
        const string Version = "13.5.2";
        XElement[] packages = [.. XDocument.Load(Repository.PathOf("Directory.Packages.props")).Descendants("PackageVersion").Where(p => p.Attribute("Include")!.Value.StartsWith("Aspire.", StringComparison.Ordinal))];
        Assert.NotEmpty(packages);
        Assert.All(packages, package =>
        {
            Assert.Equal("'$(UseAspire)' == 'true'", package.Parent!.Attribute("Condition")?.Value);
            Assert.Matches($"^{Regex.Escape(Version)}(-preview[.0-9]+)?$", package.Attribute("Version")!.Value);
        });
        Assert.All(
            XDocument.Load(Repository.PathOf("AppHost", "AppHost.csproj")).Descendants("Import").Where(i => i.Attribute("Sdk")!.Value.StartsWith("Aspire.", StringComparison.Ordinal)),
            import => Assert.Equal(Version, import.Attribute("Version")!.Value));
    }

    [Fact]
    public void Every_package_of_Aspire_that_is_referenced_has_its_version()
    {
        string[] referenced = [.. Aware
            .SelectMany(path => XDocument.Load(Repository.PathOf(path)).Descendants("PackageReference"))
            .Select(reference => reference.Attribute("Include")!.Value)
            .Where(name => name.StartsWith("Aspire.", StringComparison.Ordinal))];
        string[] versions = [.. XDocument.Load(Repository.PathOf("Directory.Packages.props")).Descendants("PackageVersion").Select(p => p.Attribute("Include")!.Value).Where(name => name.StartsWith("Aspire.", StringComparison.Ordinal))];
        Assert.Equal(versions.Order(StringComparer.Ordinal), referenced.Distinct().Order(StringComparer.Ordinal));
    }

    private static string[] Names(JsonElement items, string kind) => [.. items.GetProperty(kind).EnumerateArray().Select(item => item.GetProperty("Identity").GetString()!.Replace('\\', '/'))];

    private static async Task<JsonElement> EvaluateAsync(string project)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        foreach (string argument in new[] { "msbuild", Repository.PathOf(project), "-getItem:PackageReference,PackageVersion,Compile,ProjectReference", "-p:UseAspire=false", "-nodeReuse:false" })
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromMinutes(3));
        string output, errors;
        try
        {
            Task<string> reading = process.StandardError.ReadToEndAsync(deadline.Token);
            output = await process.StandardOutput.ReadToEndAsync(deadline.Token);
            errors = await reading;
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException exception)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"dotnet {string.Join(' ', start.ArgumentList)} did not end in three minutes.", exception);
        }

        Assert.True(process.ExitCode == 0, output + errors);
        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.GetProperty("Items").Clone();
    }
}
