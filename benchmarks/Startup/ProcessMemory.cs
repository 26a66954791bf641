using System.Globalization;

namespace Lockstep.Startup;

/// <summary>Memory of one process, MiB.</summary>
/// <param name="Proportional">Of each resident page this process's share: the sum over processes is what they use together.</param>
/// <param name="Resident">All its resident pages.</param>
/// <param name="Anonymous">Of those what is no file: heap and stacks.</param>
internal sealed record ProcessMemory(int Id, string Name, double Proportional, double Resident, double Anonymous)
{
    private const double Kibibytes = 1024;

    /// <summary>All processes that have a variable of their environment from the same launch, biggest first.</summary>
    /// <param name="mark">NAME=value.</param>
    public static IReadOnlyList<ProcessMemory> Of(string mark) => [.. Marked(mark).Select(Read).OfType<ProcessMemory>().OrderByDescending(memory => memory.Proportional)];

    /// <summary>Ids of those processes.</summary>
    public static IReadOnlyList<int> Marked(string mark)
    {
        var ids = new List<int>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Lines($"/proc/{id}/environ").Contains(mark))
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    private static ProcessMemory? Read(int id)
    {
        Dictionary<string, double> sizes = Text($"/proc/{id}/smaps_rollup").Split('\n').Select(line => line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries)).Where(parts => parts is [_, _, "kB"])
            .ToDictionary(parts => parts[0], parts => double.Parse(parts[1], CultureInfo.InvariantCulture) / Kibibytes);
        return sizes.Count == 0 ? null : new ProcessMemory(id, NameOf(Lines($"/proc/{id}/cmdline")), sizes["Pss"], sizes["Rss"], sizes["Anonymous"]);
    }

    /// <summary>The assembly or program, and its first argument that is a word.</summary>
    private static string NameOf(string[] command)
    {
        int program = Math.Max(0, Array.FindIndex(command, part => part.EndsWith(".dll", StringComparison.Ordinal)));
        string? verb = command.Skip(program + 1).FirstOrDefault();
        return $"{Path.GetFileName(command[program])}{(verb is { Length: > 0 } && char.IsLetter(verb[0]) ? $" {verb}" : "")}";
    }

    private static string[] Lines(string file) => Text(file).Split('\0', StringSplitOptions.RemoveEmptyEntries);

    /// <returns>Empty: the process is gone, or somebody else's.</returns>
    private static string Text(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
