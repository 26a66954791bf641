using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lockstep.AppHost.Tests;

/// <summary>The projects refer to each other as docs/architecture.md says, and the folders that it draws are there.</summary>
public sealed class ArchitectureTests
{
    private static readonly string s_document = Repository.Read("docs", "architecture.md");

    /// <summary>Of the table, by project: what it refers to, and what it runs as a program of its own.</summary>
    private static readonly Dictionary<string, (string[] Refers, string[] Runs)> s_table = Regex.Matches(s_document, @"^\| `(?<project>\w+)` \|.*\| (?<refers>[^|;]*)(;(?<runs>[^|]*))? \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)
        .ToDictionary(row => row.Groups["project"].Value, row => (Names(row.Groups["refers"].Value), Names(row.Groups["runs"].Value)), StringComparer.Ordinal);

    [Fact]
    public void Each_project_refers_to_what_the_table_says_and_to_nothing_else()
    {
        string[] projects = [.. Directory.EnumerateDirectories(Repository.Root).Select(folder => Path.GetFileName(folder)).Where(name => File.Exists(ProjectOf(name))).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(projects);
        Assert.Equal(projects, s_table.Keys.Order(StringComparer.Ordinal));
        Assert.All(projects, project =>
        {
            (string[] refers, string[] runs) = ReferencesOf(project);
            Assert.Equal(s_table[project].Refers, refers);
            Assert.Equal(s_table[project].Runs, runs);
        });
    }

    [Fact]
    public void No_service_refers_to_another_by_whatever_way()
    {
        string[] services = ["ParameterServer", "Scheduler", "Worker"];
        Assert.All(services, service => Assert.Empty(Reached(service).Intersect(services)));
    }

    [Theory]
    // It brings 600 MB, and what starts with it starts slowly. The contract of models is its modules and tensors.
    [InlineData("TorchSharp", "Abstractions", "Training")]
    // The scheduler keeps its records there; the launcher serves, checks and clears it.
    [InlineData("StackExchange.Redis", "Engine", "Scheduler")]
    public void A_package_is_of_these_projects_alone(string package, params string[] projects) =>
        Assert.Equal(projects, s_table.Keys.Where(project => Items(project, "PackageReference").Any(item => Include(item) == package)).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_folder_that_is_drawn_exists()
    {
        string[] drawn = [.. Regex.Matches(s_document, "```mermaid\n(?<lines>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)
            .SelectMany(drawing => Regex.Matches(drawing.Groups["lines"].Value, @"\b[A-Z]\w+(?:/[A-Z]\w+)+"))
            .Select(folder => folder.Value).Distinct()];
        Assert.NotEmpty(drawn);
        Assert.All(drawn, folder => Assert.True(Directory.Exists(Repository.PathOf(folder)), folder));
    }

    /// <summary>Who reads a type finds all of it in one place; what a generator adds is in no file here.</summary>
    [Fact]
    public void No_type_is_spread_over_several_files()
    {
        var split = s_table.Keys
            .SelectMany(project => Directory.EnumerateFiles(Repository.PathOf(project), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
                .SelectMany(file => Regex.Matches(File.ReadAllText(file), @"\bpartial (class|record|struct|interface) (?<name>\w+)", RegexOptions.ExplicitCapture).Select(type => (Type: $"{project}: {type.Groups["name"].Value}", file))))
            .ToArray();
        Assert.NotEmpty(split);
        Assert.Empty(split.Distinct().GroupBy(type => type.Type).Where(type => type.Count() > 1).Select(type => type.Key));
    }

    private static string[] Names(string cell) => [.. Regex.Matches(cell, @"`(\w+)`").Select(name => name.Groups[1].Value).Order(StringComparer.Ordinal)];

    private static HashSet<string> Reached(string project)
    {
        HashSet<string> reached = new(StringComparer.Ordinal);
        Queue<string> open = new(ReferencesOf(project).Refers);
        while (open.TryDequeue(out string? next))
        {
            if (reached.Add(next))
            {
                Array.ForEach(ReferencesOf(next).Refers, open.Enqueue);
            }
        }

        return reached;
    }

    private static (string[] Refers, string[] Runs) ReferencesOf(string project)
    {
        ILookup<bool, string> byUse = Items(project, "ProjectReference").ToLookup(item => IsRun(project, item), item => Path.GetFileNameWithoutExtension(Include(item)));
        return ([.. byUse[false].Order(StringComparer.Ordinal)], [.. byUse[true].Order(StringComparer.Ordinal)]);
    }

    /// <summary>Whether a reference only sees to it that a program is there: in Aspire's application that is so unless it says otherwise.</summary>
    private static bool IsRun(string project, XElement reference) => project == "AppHost"
        ? reference.Attribute("IsAspireProjectResource")?.Value != "false"
        : reference.Attribute("ReferenceOutputAssembly")?.Value == "false";

    private static IEnumerable<XElement> Items(string project, string kind) => XDocument.Load(ProjectOf(project)).Descendants(kind);

    private static string Include(XElement item) => item.Attribute("Include")?.Value ?? "";

    private static string ProjectOf(string name) => Repository.PathOf(name, $"{name}.csproj");
}
