using System.Text.RegularExpressions;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>docs/first-model.md, done as it stands: its files are written and its commands given in a folder of their own.</summary>
public sealed partial class FirstModelTests : IDisposable
{
    private const string Command = "    dotnet run -c Release --project Cli -- ";

    /// <summary>With the clone itself.</summary>
    private const int MostCommands = 5;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_stranger_gets_predictions_from_a_table()
    {
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(Built.Root, "docs", "first-model.md"), TestContext.Current.CancellationToken);
        (string File, string Text)[] files = [.. Files(lines)];
        Assert.Equal(["first/fruit.csv", "first/fruit.yaml", "first/new.csv", "first/predictions.csv"], files.Select(file => file.File));
        Directory.CreateDirectory(_folder.In("first"));
        foreach ((string file, string text) in files.SkipLast(1))
        {
            _folder.Write(file, text);
        }

        string[][] commands = [.. lines.Where(line => line.StartsWith(Command, StringComparison.Ordinal)).Select(line => line[Command.Length..].Split(' '))];
        Assert.Equal(["check", "train", "evaluate", "predict"], commands.Select(command => command[0]));
        Assert.InRange(1 + commands.Length, 1, MostCommands);
        var results = new List<CliResult>();
        foreach (string[] command in commands)
        {
            await using CliProcess process = CliProcess.StartProgram(Built.Lockstep, command, [], _folder.Path);
            results.Add(await process.EndAsync());
            Assert.True(results[^1].ExitCode == 0, results[^1].All);
        }

        Assert.DoesNotContain("warning", results[0].All, StringComparison.Ordinal);
        // The probabilities' last digits are this machine's own.
        Assert.Equal(Classes(files[^1].Text), Classes(await File.ReadAllTextAsync(_folder.In("first/predictions.csv"), TestContext.Current.CancellationToken)));
        Assert.Contains("accuracy", results[2].Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_readme_leads_there() =>
        Assert.Contains("(docs/first-model.md)", File.ReadAllText(Path.Combine(Built.Root, "README.md")), StringComparison.Ordinal);

    /// <summary>Blocks, each with the file that was named last before it.</summary>
    private static IEnumerable<(string File, string Text)> Files(string[] lines)
    {
        string file = "";
        for (int i = 0; i < lines.Length; i++)
        {
            file = Name().Match(lines[i]) is { Success: true } named ? named.Value.Trim('`') : file;
            if (lines[i] is "```csv" or "```yaml")
            {
                int end = Array.IndexOf(lines, "```", i);
                yield return (file, string.Join('\n', lines[(i + 1)..end]) + "\n");
                i = end;
            }
        }
    }

    private static string[] Classes(string predictions) => [.. predictions.Trim().Split('\n').Select(line => line.Split(',')[0])];

    [GeneratedRegex("`first/[a-z]+[.](csv|yaml)`", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Name();
}
