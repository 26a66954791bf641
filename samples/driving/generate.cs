// Writes the sensor data of the driving sample:
//   dotnet run samples/driving/generate.cs -- --samples 20000 --seed 7
// The same samples and seed give the same text on every machine: all arithmetic is on integers.
using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;

const int Sensors = 32;
const int Scale = 100; // A sensor reads -1.00 … 1.00 in hundredths.
const string Usage = "dotnet run samples/driving/generate.cs -- [--samples N] [--seed S] [--output FILE]   (FILE may end in .gz)";

long samples = 20_000;
ulong seed = 7;
string output = Path.Combine(Folder(), "sensors.csv.gz");
for (int i = 0; i < args.Length; i += 2)
{
    string? value = i + 1 < args.Length ? args[i + 1] : null;
    bool understood = args[i] switch
    {
        "--samples" => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out samples) && samples > 0,
        "--seed" => ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out seed),
        "--output" => (output = value ?? "").Length > 0,
        _ => false,
    };
    if (!understood)
    {
        Console.Error.WriteLine($"Not understood: {args[i]} {value}");
        Console.Error.WriteLine(Usage);
        return 2;
    }
}

try
{
    using FileStream file = File.Create(output);
    using Stream stream = output.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionLevel.SmallestSize) : file;
    using var writer = new StreamWriter(stream, new UTF8Encoding(false)) { NewLine = "\n" };
    Write(writer, samples, seed);
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"{output} cannot be written: {exception.Message}");
    return 2;
}

Console.WriteLine($"{samples} samples of seed {seed} written to {output}");
return 0;

static void Write(TextWriter writer, long samples, ulong seed)
{
    writer.WriteLine($"{string.Join(',', Enumerable.Range(0, Sensors).Select(i => $"x{i}"))},steering,throttle");
    var random = new SplitMix64(seed);
    var x = new long[Sensors];
    for (long sample = 0; sample < samples; sample++)
    {
        for (int i = 0; i < Sensors; i++)
        {
            x[i] = random.Next(2 * Scale + 1) - Scale;
            writer.Write(Text(x[i], 2));
            writer.Write(',');
        }

        // steering = x1 - x0, in hundredths.
        writer.Write(Text(x[1] - x[0], 2));
        writer.Write(',');
        // throttle = (x3 - x2) * (1 + x4) / 2 + |x5| / 2, in hundred-thousandths, of which it is always a whole number.
        writer.WriteLine(Text(((x[3] - x[2]) * (Scale + x[4]) * 5) + (Math.Abs(x[5]) * 500), 5));
    }
}

// A fixed-point number with so many digits after the point.
static string Text(long value, int digits)
{
    long unit = 1;
    for (int i = 0; i < digits; i++)
    {
        unit *= 10;
    }

    return string.Create(CultureInfo.InvariantCulture, $"{(value < 0 ? "-" : "")}{Math.Abs(value) / unit}.{(Math.Abs(value) % unit).ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0')}");
}

static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

/// <summary>Steele, Lea and Flood's generator (OOPSLA 2014): a fixed algorithm, unlike System.Random.</summary>
internal struct SplitMix64(ulong state)
{
    private ulong _state = state;

    /// <summary>A number of 0 … below − 1.</summary>
    public long Next(int below)
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (long)(((z >> 32) * (ulong)below) >> 32);
    }
}
