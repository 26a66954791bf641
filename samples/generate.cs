// Writes the data of the samples risk and industrial:
//   dotnet run samples/generate.cs -- risk --seed 7
//   dotnet run samples/generate.cs -- industrial --seed 7
// The same seed gives the same text on every machine: all arithmetic is on integers.
using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;

const string Usage = "dotnet run samples/generate.cs -- risk|industrial [--seed S] [--output FOLDER]";

ulong seed = 7;
string? output = null;
bool understood = args is ["risk" or "industrial", ..] && args.Length % 2 == 1;
for (int i = 1; i + 1 < args.Length && understood; i += 2)
{
    understood = args[i] switch
    {
        "--seed" => ulong.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out seed),
        "--output" => (output = args[i + 1]).Length > 0,
        _ => false,
    };
}

if (!understood)
{
    Console.Error.WriteLine($"Not understood: {string.Join(' ', args)}");
    Console.Error.WriteLine(Usage);
    return 2;
}

string folder = output ?? Path.Combine(Folder(), args[0]);
var random = new SplitMix64(seed);
try
{
    if (args[0] == "risk")
    {
        WriteFile("payments.csv.gz", writer => Payments.Write(writer, random));
    }
    else
    {
        WriteFile("train.csv.gz", writer => Pumps.Write(writer, random, pumps: 60));
        WriteFile("validation.csv.gz", writer => Pumps.Write(writer, random, pumps: 20));
    }
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"{folder} cannot be written: {exception.Message}");
    return 2;
}

return 0;

void WriteFile(string name, Action<TextWriter> write)
{
    using (FileStream file = File.Create(Path.Combine(folder, name)))
    using (var stream = new GZipStream(file, CompressionLevel.SmallestSize))
    using (var writer = new StreamWriter(stream, new UTF8Encoding(false)) { NewLine = "\n" })
    {
        write(writer);
    }

    Console.WriteLine($"{Path.Combine(folder, name)} written from seed {seed}");
}

static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

/// <summary>Card payments, of which few are frauds. Points of risk double the probability of a fraud, one by one.</summary>
internal static class Payments
{
    private const int Rows = 40_000;

    /// <summary>Per million, of a payment without any point.</summary>
    private const int Least = 200;

    /// <summary>Per million: no payment is more surely a fraud.</summary>
    private const int Most = 900_000;

    private static readonly string[] Merchants = ["grocery", "grocery", "grocery", "restaurant", "restaurant", "fuel", "pharmacy", "travel", "electronics", "games", "transfer"];
    private static readonly string[] Channels = ["chip", "chip", "contactless", "contactless", "contactless", "online", "online"];

    public static void Write(TextWriter writer, SplitMix64 random)
    {
        writer.WriteLine("amount,usual,hour,merchant,channel,abroad,known_device,last_hour,account_days,fraud");
        for (int row = 0; row < Rows; row++)
        {
            int usual = 5 + random.Next(76), amount = Math.Max(1, usual * (20 + random.Next(181)) / 100) << Halvings(random, 4);
            // Most are by day.
            int hour = (6 + ((random.Next(19) + random.Next(19)) / 2) + (random.Next(8) == 0 ? 12 : 0)) % 24;
            string merchant = Merchants[random.Next(Merchants.Length)], channel = Channels[random.Next(Channels.Length)];
            bool abroad = random.Next(12) == 0, known = channel != "online" || random.Next(5) > 0;
            int lastHour = Halvings(random, 7), days = random.Next(3000);

            int points = 0;
            points += amount > 4 * usual ? 3 : 0;
            points += amount > 8 * usual ? 3 : 0;
            points += abroad && channel != "chip" ? 4 : 0;
            points += known ? 0 : 4;
            points += channel == "online" && merchant is "electronics" or "games" ? 2 : 0;
            // A stolen card is tried with small sums, one after the other, and at night from another device.
            points += lastHour >= 3 && amount < 20 ? 11 : 0;
            points += hour < 6 && !known ? 4 : 0;
            points += merchant == "transfer" && days < 180 ? 10 : 0;
            bool fraud = random.Next(1_000_000) < Math.Min(Most, Least << points);
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{amount},{usual},{hour},{merchant},{channel},{(abroad ? 1 : 0)},{(known ? 1 : 0)},{lastHour},{days},{(fraud ? 1 : 0)}"));
        }
    }

    /// <summary>0 half of the time, 1 a quarter of it, and so on.</summary>
    private static int Halvings(SplitMix64 random, int most)
    {
        int count = 0;
        while (count < most && random.Next(2) == 0)
        {
            count++;
        }

        return count;
    }
}

/// <summary>Pumps that wear out: windows of readings of four sensors, and the cycles that are left after each.</summary>
internal static class Pumps
{
    private const int Window = 30;
    private const int Stride = 5;

    /// <summary>Cycles: no more are told of, as a pump that is new shows no wear.</summary>
    private const int MostLeft = 125;

    /// <summary>Whole wear.</summary>
    private const long Whole = 1000;

    private static readonly string[] Sensors = ["temperature", "vibration", "pressure", "current"];

    public static void Write(TextWriter writer, SplitMix64 random, int pumps)
    {
        writer.WriteLine($"{string.Join(',', Enumerable.Range(0, Window).SelectMany(step => Sensors.Select(sensor => $"{sensor}_{step}")))},left");
        for (int pump = 0; pump < pumps; pump++)
        {
            int life = 130 + random.Next(171);
            // Each is built a little differently, and wear begins after some of its life.
            int warm = random.Next(41) - 20, loose = random.Next(21) - 10, begin = life * (20 + random.Next(31)) / 100;
            var readings = new int[life][];
            int load = 50;
            for (int cycle = 0; cycle < life; cycle++)
            {
                load = Math.Clamp(load + random.Next(21) - 10, 20, 80);
                long wear = cycle < begin ? 0 : Whole * (cycle - begin) / (life - begin);
                readings[cycle] =
                [
                    600 + warm + load + (int)(120 * wear * wear / (Whole * Whole)) + Noise(random, 12),
                    200 + loose + (load / 4) + (int)(160 * wear * wear * wear / (Whole * Whole * Whole)) + Noise(random, 8 + (int)(24 * wear / Whole)),
                    500 + (load / 2) - (int)(80 * wear / Whole) + Noise(random, 20),
                    300 + (2 * load) + Noise(random, 10),
                ];
            }

            for (int last = Window - 1; last < life; last += Stride)
            {
                writer.WriteLine($"{string.Join(',', Enumerable.Range(last - Window + 1, Window).SelectMany(cycle => readings[cycle]).Select(Tenths))},{Math.Min(MostLeft, life - 1 - last).ToString(CultureInfo.InvariantCulture)}");
            }
        }
    }

    /// <summary>About 0, and seldom more than so much away: the mean of four even draws.</summary>
    private static int Noise(SplitMix64 random, int reach)
    {
        int sum = 0;
        for (int i = 0; i < 4; i++)
        {
            sum += random.Next((2 * reach) + 1) - reach;
        }

        return sum / 4;
    }

    private static string Tenths(int value) => string.Create(CultureInfo.InvariantCulture, $"{value / 10}.{value % 10}");
}

/// <summary>Steele, Lea and Flood's generator (OOPSLA 2014): a fixed algorithm, unlike System.Random.</summary>
internal sealed class SplitMix64(ulong state)
{
    private ulong _state = state;

    /// <summary>A number of 0 … below − 1.</summary>
    public int Next(int below)
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (int)(((z >> 32) * (ulong)below) >> 32);
    }
}
