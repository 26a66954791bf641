using System.Diagnostics;
using System.Globalization;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>Data larger than memory: the same test runs here on a small file and in a child process with a limited heap on a large one.</summary>
public sealed class LargeDataTests : IDisposable
{
    private const string RowsVariable = "LOCKSTEP_TEST_LARGE_ROWS";
    private const int Columns = 24;
    private const long HeapLimit = 32 << 20;
    private const int LargeRows = 650_000;
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Reads_every_sample()
    {
        var rows = int.Parse(Environment.GetEnvironmentVariable(RowsVariable) ?? "1000", CultureInfo.InvariantCulture);
        var path = folder["large.csv"];
        using (var file = new StreamWriter(path))
        {
            file.WriteLine(string.Join(',', Enumerable.Range(0, Columns).Select(c => $"c{c}")) + ",y");
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < Columns; column++)
                {
                    file.Write(row % (1000 + column) + 100_000);
                    file.Write(".25,");
                }

                file.WriteLine(row % 10);
            }
        }

        if (rows == LargeRows)
        {
            Assert.InRange(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, 1, HeapLimit);
            Assert.True(new FileInfo(path).Length > 4 * HeapLimit, $"The file has only {new FileInfo(path).Length} bytes.");
        }

        using var data = folder.Open(new() { Format = DataFormat.Csv, Train = path, Labels = ["y"], Split = 0.1, Missing = MissingPolicy.Mean });
        Assert.Equal(rows, data.Train.Count + data.Validation!.Count);
        var features = new float[100 * Columns];
        var labels = new float[100];
        var ids = new long[100];
        double sum = 0;
        foreach (var part in new[] { data.Train, data.Validation! })
        {
            for (long first = 0; first < part.Count; first += ids.Length)
            {
                for (var i = 0; i < ids.Length; i++)
                {
                    ids[i] = Math.Min(first + i, part.Count - 1);
                }

                part.Read(ids, features, labels);
                for (var i = 0; i < ids.Length && first + i < part.Count; i++)
                {
                    sum += features[i * Columns] - 100_000.25 + labels[i];
                }
            }
        }

        Assert.Equal(Enumerable.Range(0, rows).Sum(r => (double)(r % 1000) + (r % 10)), sum);
    }

    [Fact]
    public async Task Needs_no_memory_of_the_size_of_the_data()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(RowsVariable) is not null, "This is the child process.");
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Lockstep.Data.Tests" + (OperatingSystem.IsWindows() ? ".exe" : "")))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "--filter-method", $"{typeof(LargeDataTests).FullName}.{nameof(Reads_every_sample)}", "--minimum-expected-tests", "1", "--progress", "off" },
            Environment =
            {
                [RowsVariable] = LargeRows.ToString(CultureInfo.InvariantCulture),
                ["DOTNET_GCHeapHardLimit"] = HeapLimit.ToString("x", CultureInfo.InvariantCulture),
            },
        };
        // The child speaks to nobody but its own console.
        start.Environment.Remove("TESTINGPLATFORM_DOTNETTEST_EXECUTIONID");
        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            if (!child.HasExited)
            {
                child.Kill(entireProcessTree: true);
            }
        }

        Assert.True(child.ExitCode == 0, await output + await errors);
    }
}
