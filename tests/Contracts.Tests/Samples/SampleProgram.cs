using System.Diagnostics;

namespace Lockstep.Contracts.Tests.Samples;

/// <summary>A program that is one file.</summary>
internal static class SampleProgram
{
    /// <param name="file">Its path.</param>
    public static async Task<(int Code, string Said)> RunAsync(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["run", file, "--", .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
