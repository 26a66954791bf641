using System.Diagnostics;
using Lockstep.Contracts.Services;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Own;

public sealed class CodeIdentityTests
{
    private const string Source = """
        namespace Mine;
        public class Net
        {
            public const int Width = 8;
            private static readonly int[] Table = { 1, 2, 3, 4, 5, 6, 7, 8 };
            public string Name() => "net";
            public int Twice(int value) => value + value + Table[0];
        }
        """;

    [Fact]
    public void The_same_source_has_one_identity_in_any_folder_and_any_change_of_what_it_does_another()
    {
        using var folder = new TemporaryFolder();
        string plain = Identity(folder, "here", Source);
        Assert.Equal(plain, Identity(folder, "some/where/else", Source));
        Assert.Equal(plain, Identity(folder, "comment", "// A comment." + Environment.NewLine + Source));
        string[] changes = [Source.Replace("value + value", "value - value", StringComparison.Ordinal), Source.Replace("= 8;", "= 9;", StringComparison.Ordinal), Source.Replace("\"net\"", "\"not\"", StringComparison.Ordinal), Source.Replace("7, 8", "7, 9", StringComparison.Ordinal), Source.Replace("Twice", "Thrice", StringComparison.Ordinal)];
        string[] identities = [plain, .. changes.Select((source, i) => Identity(folder, $"change-{i}", source))];
        Assert.Equal(identities.Length, identities.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void A_program_without_models_of_its_own_has_none()
    {
        Assert.Null(CodeIdentity.Of(ComponentCatalog.Empty));
        var catalog = new ComponentCatalog();
        catalog.AddModel("pair-net", typeof(Documented.PairNet));
        Assert.Equal(16, CodeIdentity.Of(catalog)!.Length);
    }

    /// <summary>Compiles with what every build has: the SDK's compiler, deterministic and with symbols.</summary>
    private static string Identity(TemporaryFolder folder, string name, string source)
    {
        DirectoryInfo here = Directory.CreateDirectory(Path.Combine(folder.Path, name));
        string file = Path.Combine(here.FullName, "Net.cs"), assembly = Path.Combine(here.FullName, "Mine.dll");
        File.WriteAllText(file, source);
        string sdk = Directory.EnumerateDirectories(Path.Combine(Path.GetDirectoryName(DotnetHost.Command)!, "sdk"), "10.*").Order(StringComparer.Ordinal).Last();
        string core = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var start = new ProcessStartInfo(DotnetHost.Command) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (string argument in (string[])[Path.Combine(sdk, "Roslyn", "bincore", "csc.dll"), "-nologo", "-target:library", "-deterministic+", "-debug:portable", $"-r:{Path.Combine(core, "System.Private.CoreLib.dll")}", $"-r:{Path.Combine(core, "System.Runtime.dll")}", $"-out:{assembly}", file])
        {
            start.ArgumentList.Add(argument);
        }

        using Process compiler = Process.Start(start)!;
        string output = compiler.StandardOutput.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, output);
        return Convert.ToHexString(CodeIdentity.OfFile(assembly));
    }
}
