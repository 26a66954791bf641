using System.Text.RegularExpressions;

namespace Lockstep.AppHost.Tests;

/// <summary>What is written about the application host is so.</summary>
public sealed class DocumentationTests
{
    [Fact]
    public void Every_call_of_Aspire_is_in_the_list_with_the_file_that_it_was_checked_against()
    {
        string documented = Repository.Read("docs", "aspire-api.md");
        string sources = string.Join('\n', new[] { "Aspire", "Deploy" }.SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf("AppHost", folder), "*.cs", SearchOption.AllDirectories)).Append(Repository.PathOf("AppHost", "AppHost.cs")).Concat(Directory.EnumerateFiles(Repository.PathOf("Hosting"), "*.cs")).Select(File.ReadAllText));
        // The fluent calls of Aspire's builders, less those that this project defines itself.
        string[] own = [.. Regex.Matches(sources, @"(?:static|abstract|virtual|override) [^=;{}()]*?\b(\w+)(<\w+>)?\(").Select(m => m.Groups[1].Value)];
        string[] called = [.. Regex.Matches(sources, @"\.((?:Add|With|Publish|WaitFor|Wait|Execute|TryGet|CreateBuilder|AsProvisioning|Get)\w*)(?:<[\w.]+>)?\(").Select(m => m.Groups[1].Value).Distinct().Except(own)];
        Assert.NotEmpty(called);
        Assert.All(called.Except(NotOfAspire), call => Assert.Contains($"`{call}", documented, StringComparison.Ordinal));
    }

    [Fact]
    public void The_deployment_tool_finds_the_application_host()
    {
        string path = Regex.Match(Repository.Read("azure.yaml"), @"project: (\S+)").Groups[1].Value;
        Assert.True(File.Exists(Repository.PathOf(path)), path);
    }

    [Fact]
    public void The_deployment_guide_names_the_options_that_there_are()
    {
        string guide = Repository.Read("docs", "deploy.md");
        Assert.All(
            [AppHostOptions.TargetKey, AppHostOptions.RedisKey, AppHostOptions.PortKey, AppHostOptions.ShardsKey, AppHostOptions.MinWorkersKey, AppHostOptions.MaxWorkersKey],
            option => Assert.Contains($"--{option}", guide, StringComparison.Ordinal));
        string[] known = [.. Regex.Matches(Repository.Read("AppHost", "Aspire", "AppHostOptions.cs"), "Key = \"([^\"]+)\"").Select(m => m.Groups[1].Value)];
        Assert.All(Regex.Matches(guide, "--((?:ps|workers|redis|target|port)[a-z-]*)").Select(m => m.Groups[1].Value), option => Assert.Contains(option, known));
    }

    /// <summary>Of .NET.</summary>
    private static readonly string[] NotOfAspire =
    [
        "Add", "AddFilter", "AddHostedService", "AddLogging", "AddRange", "AddSingleton", "GetCustomAttributes", "GetConnectionString", "GetDirectoryName", "GetElapsedTime", "GetFileNameWithoutExtension", "GetFullPath", "GetLastWriteTimeUtc", "GetRequiredService", "GetTimestamp", "GetType", "GetUtcNow", "GetValueOrDefault", "GetValues", "TryAddSingleton", "TryGetValue", "WaitAsync", "WaitForExitAsync", "WaitForNextTickAsync",
    ];
}
