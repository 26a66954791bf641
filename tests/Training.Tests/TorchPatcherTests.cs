using System.Runtime.CompilerServices;
using System.Text;
using System.Xml.Linq;
using Lockstep.TorchPatcher;

namespace Lockstep.Training.Tests;

public sealed class TorchPatcherTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("lockstep-patch-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Patches_the_packaged_library_once_and_leaves_the_rest_alone()
    {
        var original = File.ReadAllBytes(PackagedLibrary());
        var patched = (byte[])original.Clone();
        Assert.Equal(PatchOutcome.Patched, TorchLibraryPatch.Apply(patched));

        var elf = new ElfImage(patched);
        var weak = elf.NeededVersions().Single(v => v.Name == "GLIBCXX_3.4.32");
        Assert.Equal(2, weak.Flags & 2);
        Assert.DoesNotContain(elf.DynamicSymbols(), s => s.VersionIndex == weak.Index || s.Name.Contains("ios_base_library_initv", StringComparison.Ordinal));
        var old = elf.NeededVersions().Single(v => v.Name == "GLIBCXX_3.4");
        Assert.Contains(elf.DynamicSymbols(), s => s.Name == "_ZNSt8ios_base4InitC1Ev" && s.VersionIndex == old.Index);
        Assert.InRange(original.Zip(patched).Count(p => p.First != p.Second), 3, 40);

        var again = (byte[])patched.Clone();
        Assert.Equal(PatchOutcome.AlreadyPatched, TorchLibraryPatch.Apply(again));
        Assert.Equal(patched, again);
    }

    [Fact]
    public void The_output_carries_the_patched_library()
    {
        var ours = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"));
        Assert.Equal(PatchOutcome.AlreadyPatched, TorchLibraryPatch.Apply(ours));
    }

    [Fact]
    public void An_assembly_is_patched_once_and_another_is_refused()
    {
        byte[] mended = File.ReadAllBytes(typeof(TorchSharp.torch).Assembly.Location);
        byte[] before = [.. mended];
        Assert.Equal(PatchOutcome.AlreadyPatched, LifetimePatch.Apply(mended));
        Assert.Equal(before, mended);
        Assert.Contains("it is no assembly", Assert.Throws<InvalidDataException>(() => LifetimePatch.Apply(File.ReadAllBytes(PackagedLibrary()))).Message, StringComparison.Ordinal);
        // The runtime's own library says nothing of debugging.
        Assert.Contains("it has 0 DebuggableAttributes", Assert.Throws<InvalidDataException>(() => LifetimePatch.Apply(File.ReadAllBytes(typeof(object).Assembly.Location))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_what_it_does_not_know()
    {
        Assert.Throws<InvalidDataException>(() => TorchLibraryPatch.Apply(Encoding.ASCII.GetBytes(new string('x', 200))));
        var library = File.ReadAllBytes(PackagedLibrary());
        var truncated = library[..(library.Length / 2)];
        Assert.Throws<InvalidDataException>(() => TorchLibraryPatch.Apply(truncated));

        // A library that needs a still newer libstdc++ is not mended by this patch.
        var newer = (byte[])library.Clone();
        newer.AsSpan().Slice(newer.AsSpan().IndexOf("GLIBCXX_3.4.32\0"u8) + 13, 1)[0] = (byte)'9';
        var before = (byte[])newer.Clone();
        Assert.Contains("GLIBCXX_3.4.39", Assert.Throws<InvalidDataException>(() => TorchLibraryPatch.Apply(newer)).Message, StringComparison.Ordinal);
        Assert.Equal(before, newer);
    }

    [Fact]
    public void Writes_a_new_file_where_a_hard_link_stood()
    {
        var cache = Path.Combine(folder, "cache");
        var output = Path.Combine(folder, "output");
        File.WriteAllText(cache, "original");
        Link(cache, output);
        FileReplacement.Write(output, "patched"u8);
        Assert.Equal("original", File.ReadAllText(cache));
        Assert.Equal("patched", File.ReadAllText(output));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    [Fact]
    public void Cuda_is_a_property_of_the_build()
    {
        var project = XDocument.Load(Path.Combine(Repository(), "Training", "Training.csproj"));
        var references = project.Descendants("PackageReference").ToLookup(r => (string)r.Attribute("Include")!, r => (string?)r.Parent!.Attribute("Condition"));
        Assert.Equal("'$(Torch)' == 'cuda'", Assert.Single(references["TorchSharp-cuda-linux"]));
        Assert.All(references.Where(r => r.Key.StartsWith("libtorch-cpu", StringComparison.Ordinal)), r => Assert.Equal("'$(Torch)' == 'cpu'", Assert.Single(r)));
        Assert.Null(Assert.Single(references["TorchSharp"]));
        var versions = XDocument.Load(Path.Combine(Repository(), "Directory.Packages.props")).Descendants("PackageVersion").ToDictionary(v => (string)v.Attribute("Include")!, v => (string)v.Attribute("Version")!);
        Assert.Equal(versions["TorchSharp"], versions["TorchSharp-cuda-linux"]);
    }

    private static void Link(string existing, string link)
    {
        using var process = System.Diagnostics.Process.Start("ln", [existing, link]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static string PackagedLibrary() => typeof(TorchPatcherTests).Assembly.GetCustomAttributes(false).OfType<System.Reflection.AssemblyMetadataAttribute>().Single(a => a.Key == "TorchOriginalLibrary").Value!;

    private static string Repository([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "../.."));
}
