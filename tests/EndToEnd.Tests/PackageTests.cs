using System.Globalization;
using System.IO.Compression;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>samples/own-model, in a folder of its own, from packages with a version of their own that are restored into a folder of their own: a cache would serve those of before.</summary>
public sealed class PackageTests : IDisposable
{
    private static readonly string[] Packed = ["Abstractions", "Client", "Contracts", "Core", "Data", "Hosting", "ServiceDefaults", "Training", "Transport", "Worker"];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_sample_knows_nothing_but_packages_and_trains()
    {
        string version = string.Create(CultureInfo.InvariantCulture, $"0.0.0-test{Environment.ProcessId}"), packages = _folder.In("packages"), sample = _folder.In("sample");
        Assert.DoesNotContain("warning", await DotnetAsync("pack", Path.Combine(Built.Root, "Aspire.sln"), "--no-build", "-c", Built.Configuration, "-p:PackTool=false", $"-p:PackageVersion={version}", "-o", packages), StringComparison.Ordinal);
        string[] made = [.. Directory.EnumerateFiles(packages, "*.nupkg").Order(StringComparer.Ordinal)];
        Assert.Equal(Packed.Select(package => $"Lockstep.{package}.{version}.nupkg"), made.Select(Path.GetFileName));
        foreach (string package in made)
        {
            Assert.True(File.Exists(Path.ChangeExtension(package, ".snupkg")), package);
            using ZipArchive archive = await ZipFile.OpenReadAsync(package, TestContext.Current.CancellationToken);
            Assert.Contains(archive.Entries, entry => entry.FullName == "README.md");
        }

        Copy(Path.Combine(Built.Root, "samples", "own-model"), sample);
        string config = Path.Combine(sample, "nuget.config");
        File.WriteAllText(config, File.ReadAllText(config).Replace("../../artifacts/packages", packages, StringComparison.Ordinal));
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string built = await DotnetAsync("build", Path.Combine(sample, "OwnModel.sln"), "-nologo", "--disable-build-servers", $"-p:LockstepVersion={version}", $"-p:RestorePackagesPath={_folder.In("restored")}", $"-p:RestoreFallbackFolders={cache}");
        Assert.Contains("0 Warning(s)", built, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(_folder.In("restored"), "lockstep.hosting", version)));
        // What this tree's own worker has of the runtime's set-up and of TorchSharp's mends goes along.
        string output = Path.GetDirectoryName(Directory.EnumerateFiles(Path.Combine(sample, "Worker", "bin"), "OwnModel.Worker.runtimeconfig.json", SearchOption.AllDirectories).Single())!;
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Path.GetDirectoryName(Built.OwnWorker)!, "TorchSharp.dll"), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(Path.Combine(output, "TorchSharp.dll"), TestContext.Current.CancellationToken));
        Assert.Contains("Http2FlowControl.DisableDynamicWindowSizing\": true", await File.ReadAllTextAsync(Path.Combine(output, "OwnModel.Worker.runtimeconfig.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        CliResult result = await CliProcess.RunAsync("train", Path.Combine(sample, "jobs", "shapes.yaml"), "--worker", Path.Combine(sample, "Worker"), "--workers", "1", "--set", "epochs=", "steps=3", "--output", _folder.In("run"));
        Assert.True(result.ExitCode == 0, result.All);
    }

    private static async Task<string> DotnetAsync(params string[] arguments)
    {
        await using CliProcess process = CliProcess.StartProgram(Sdk(), arguments, []);
        CliResult result = await process.EndAsync();
        Assert.True(result.ExitCode == 0, result.All);
        return result.Output;
    }

    /// <summary>The SDK's own assembly, which the runtime starts as any other.</summary>
    private static string Sdk() => Path.Combine(Directory.EnumerateDirectories(Path.Combine(Path.GetDirectoryName(DotnetHost.Command)!, "sdk"), "10.*").Order(StringComparer.Ordinal).Last(), "dotnet.dll");

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => !Path.GetRelativePath(from, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "runs")))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
