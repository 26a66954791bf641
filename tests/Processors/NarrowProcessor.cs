using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lockstep.Contracts.Services;

namespace Lockstep.Tests;

/// <summary>This program's own tests once more, in a process whose processor has no wide vectors: what they compare with is computed value by value, so all processors give the same bits.</summary>
internal static class NarrowProcessor
{
    private const string WidthName = "LOCKSTEP_TEST_VECTOR_BITS";
    private const int WrongWidth = 99;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <value>By bits of the widest vectors that are left, what the runtime is told.</value>
    private static readonly IReadOnlyDictionary<int, string[]> Settings = new Dictionary<int, string[]>
    {
        [256] = ["DOTNET_EnableAVX512", "DOTNET_EnableAVX512F"],
        [128] = ["DOTNET_EnableAVX2", "DOTNET_EnableAVX", "DOTNET_EnableAVX512", "DOTNET_EnableAVX512F"],
    };

    /// <value>Of this process.</value>
    private static int Bits => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Runs tests of this program with vectors of at most so many bits; they must pass.</summary>
    /// <param name="bits">128 or 256; what this processor does not exceed anyway was tested here.</param>
    /// <param name="classes">Full names.</param>
    public static async Task RunAsync(int bits, params string[] classes)
    {
        if (Bits <= bits)
        {
            return;
        }

        ProcessStartInfo start = DotnetHost.Start(
            typeof(NarrowProcessor).Assembly.Location,
            ["--filter-class", .. classes, "--progress", "off", "--results-directory", Path.GetTempPath()],
            [new(WidthName, bits.ToString(CultureInfo.InvariantCulture)), .. Settings[bits].Select(name => KeyValuePair.Create(name, "0"))]);
        using Process child = Process.Start(start)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            child.StandardInput.Close();
            Task<string> output = child.StandardOutput.ReadToEndAsync(patience.Token), error = child.StandardError.ReadToEndAsync(patience.Token);
            string said = await output + await error;
            await child.WaitForExitAsync(patience.Token);
            Assert.True(child.ExitCode == 0, $"With vectors of {bits} bits the tests end with {child.ExitCode}: {said}");
            Assert.Matches(@"succeeded: [1-9]", said);
        }
        finally
        {
            if (!child.HasExited)
            {
                child.Kill(entireProcessTree: true);
            }
        }
    }

    /// <summary>Ends a child that has other vectors than it was meant to have, and so would test nothing.</summary>
    [ModuleInitializer]
    internal static void CheckWidth()
    {
        if (Environment.GetEnvironmentVariable(WidthName) is { } wanted && wanted != Bits.ToString(CultureInfo.InvariantCulture))
        {
            Console.Error.WriteLine($"This process has vectors of {Bits} bits, and is to have {wanted}.");
            Environment.Exit(WrongWidth);
        }
    }
}
