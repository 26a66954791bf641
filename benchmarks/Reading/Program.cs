using System.Diagnostics;
using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using Sylvan.Data.Csv;

// Reads one CSV file in turns: by a CSV library that parses each field as a double, and as a data set is opened for training, which checks and stores each value.
const int Columns = 20;
long bytes = (args.Length > 0 ? long.Parse(args[0], CultureInfo.InvariantCulture) : 1024) << 20;
int turns = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3;
DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-reading-");
try
{
    string path = Path.Combine(folder.FullName, "data.csv");
    Write(path, bytes);
    long length = new FileInfo(path).Length;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{length / 1e6:F0} MB, {Columns} columns of numbers and one of classes; medians of {turns} turns"));
    var library = new List<(double Wall, double Cpu)>();
    var ours = new List<(double Wall, double Cpu)>();
    for (int turn = 0; turn < turns; turn++)
    {
        library.Add(Measure(() => Library(path)));
        ours.Add(Measure(() => Ours(path, Path.Combine(folder.FullName, $"cache-{turn}"))));
        Directory.Delete(Path.Combine(folder.FullName, $"cache-{turn}"), recursive: true);
    }

    (double Wall, double Cpu) theirs = Median(library), own = Median(ours);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| Sylvan, each field a double | {theirs.Wall:F2} s | {theirs.Cpu:F2} s | {length / 1e6 / theirs.Wall:F0} MB/s |"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| Lockstep: read, checked, stored, surveyed | {own.Wall:F2} s | {own.Cpu:F2} s | {length / 1e6 / own.Wall:F0} MB/s |"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"speed {theirs.Wall / own.Wall:F2} of the library's, by processor time {theirs.Cpu / own.Cpu:F2}; heap {GC.GetTotalMemory(forceFullCollection: true) / 1e6:F1} MB, most of the process {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:F0} MB"));
}
finally
{
    folder.Delete(recursive: true);
}

static void Write(string path, long bytes)
{
    var random = new Random(1);
    using var file = new StreamWriter(path);
    file.WriteLine(string.Join(',', Enumerable.Range(0, Columns).Select(i => $"c{i}")) + ",y");
    for (long written = 0; written < bytes;)
    {
        string row = string.Join(',', Enumerable.Range(0, Columns).Select(i => i % 4 == 0 ? random.Next(100_000).ToString(CultureInfo.InvariantCulture) : (random.NextDouble() * 100).ToString(i % 4 == 1 ? "F3" : "G9", CultureInfo.InvariantCulture))) + $",{random.Next(10)}";
        file.WriteLine(row);
        written += row.Length + 1;
    }
}

static double Library(string path)
{
    using CsvDataReader reader = CsvDataReader.Create(path, new CsvDataReaderOptions { BufferSize = 1 << 16 });
    double sum = 0;
    while (reader.Read())
    {
        for (int i = 0; i < reader.FieldCount; i++)
        {
            sum += reader.GetDouble(i);
        }
    }

    return sum;
}

static double Ours(string path, string cache)
{
    var spec = new DataSpec { Format = DataFormat.Csv, Train = path, Labels = ["y"], Split = 0.2, Normalize = NormalizationKind.Standard };
    using OpenedData data = DataSets.Open(spec, LossKind.CrossEntropy, 1, cache, CancellationToken.None);
    return data.Train.Count;
}

static (double Wall, double Cpu) Measure(Func<double> run)
{
    long start = Stopwatch.GetTimestamp();
    double cpu = Environment.CpuUsage.TotalTime.TotalSeconds;
    run();
    return (Stopwatch.GetElapsedTime(start).TotalSeconds, Environment.CpuUsage.TotalTime.TotalSeconds - cpu);
}

static (double Wall, double Cpu) Median(List<(double Wall, double Cpu)> turns) => (Middle(turns.Select(t => t.Wall)), Middle(turns.Select(t => t.Cpu)));

static double Middle(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
