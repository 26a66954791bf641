using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Startup;

// Prints the tables of benchmarks/README.md: the Aspire application beside `lockstep up`, started in turns.
// Argument: rounds.
if (!OperatingSystem.IsLinux())
{
    Console.Error.WriteLine("The processes are measured through /proc, which only Linux has.");
    return 2;
}

int rounds = args is [var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 3;
string folder = Directory.CreateTempSubdirectory("lockstep-startup-").FullName;
try
{
    double busy = ProcessUse.MachineCpuSeconds();
    Console.WriteLine($"Load of the machine before: {ProcessUse.Load()}, cores: {Environment.ProcessorCount}");
    Console.WriteLine();
    Console.WriteLine("| round | started | first worker after | digits, with one worker | again | ended after | memory, idle |");
    Console.WriteLine("|---|---|---|---|---|---|---|");
    var seen = new List<(Launch Launch, Seen Seen)>();
    for (int round = 1; round <= rounds; round++)
    {
        // There and back.
        foreach (Launch launch in round % 2 == 1 ? [Launch.Application, Launch.Up] : new[] { Launch.Up, Launch.Application })
        {
            Seen one = await StartedFleet.MeasureAsync(launch, Path.Combine(folder, $"{launch.Name.Replace(' ', '-')}-{round}"), CancellationToken.None);
            seen.Add((launch, one));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {round} | {launch.Name} | {one.Worker:F1} s | {one.First:F1} s | {one.Second:F1} s | {one.End:F1} s | {one.Memory.Sum(m => m.Proportional):F0} MiB |"));
        }
    }

    double MedianOf(Launch launch, Func<Seen, double> of) => Measured.Median([.. seen.Where(s => s.Launch == launch).Select(s => of(s.Seen))]);
    string Ratio(Func<Seen, double> of) => (MedianOf(Launch.Application, of) / MedianOf(Launch.Up, of)).ToString("F2", CultureInfo.InvariantCulture);
    Console.WriteLine($"| ratio of medians | | {Ratio(s => s.Worker)} | {Ratio(s => s.First)} | {Ratio(s => s.Second)} | {Ratio(s => s.End)} | {Ratio(s => s.Memory.Sum(m => m.Proportional))} |");
    foreach (Launch launch in new[] { Launch.Application, Launch.Up })
    {
        Console.WriteLine();
        Console.WriteLine($"| {launch.Name}: process | memory, each page's share | resident | of that anonymous |");
        Console.WriteLine("|---|---|---|---|");
        foreach (ProcessMemory memory in seen.Last(s => s.Launch == launch).Seen.Memory)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {memory.Name} | {memory.Proportional:F0} MiB | {memory.Resident:F0} MiB | {memory.Anonymous:F0} MiB |"));
        }
    }

    Console.WriteLine();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Load of the machine after: {ProcessUse.Load()}; its cores were busy for {ProcessUse.MachineCpuSeconds() - busy:F0} s"));
}
finally
{
    Directory.Delete(folder, recursive: true);
}

return 0;
