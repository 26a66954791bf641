using System.IO.Compression;
using Lockstep.Contracts;
using Lockstep.Tests;

namespace Lockstep.Training.Tests.Scripted;

/// <summary>What is no TorchScript file, or a damaged one, is told before libtorch gets it.</summary>
public sealed class ScriptArchiveTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-script-").FullName;

    private string File => Path.Combine(_folder, "net.pt");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_samples_model_is_one() => ScriptArchive.Check(ScriptedJobs.Model);

    [Fact]
    public void A_file_that_is_missing_is_told() => AssertRefused("There is no such TorchScript file.", "torch.jit.script(model).save");

    [Fact]
    public void A_folder_is_told()
    {
        Directory.CreateDirectory(File);
        AssertRefused("The TorchScript file cannot be read:", "Give a file that may be read.");
    }

    [Theory]
    [InlineData(new byte[0], "The TorchScript file is empty.")]
    [InlineData(new byte[] { 0x80, 0x02, 0x8A, 0x0A, 0x6C }, "The file is no TorchScript file: it begins with 80028a0a, and not as a zip archive.")]
    [InlineData(new byte[] { 0x50, 0x4B, 0x03, 0x04, 0x00 }, "The TorchScript file is damaged:")]
    public void Another_file_is_told(byte[] content, string problem)
    {
        System.IO.File.WriteAllBytes(File, content);
        AssertRefused(problem, "");
    }

    [Fact]
    public void Tensors_of_torch_save_are_told()
    {
        WriteZip("net/data.pkl", "net/data/0", "net/version");
        AssertRefused("The file is what torch.save writes, tensors without a model's code, and no TorchScript file.", "'weights'");
    }

    [Fact]
    public void Another_archive_is_told()
    {
        WriteZip("word/document.xml");
        AssertRefused("The file is a zip archive, and no TorchScript file: it has no code.", "torch.jit.script(model).save");
    }

    [Fact]
    public void Every_byte_of_the_tensors_and_the_code_counts()
    {
        byte[] whole = System.IO.File.ReadAllBytes(ScriptedJobs.Model);
        (int From, int Length)[] parts = [.. Parts(whole)];
        Assert.InRange(parts.Length, 10, 100);
        foreach ((int from, int length) in parts)
        {
            byte[] bytes = [.. whole];
            bytes[from + (length / 2)] ^= 0x10;
            System.IO.File.WriteAllBytes(File, bytes);
            AssertRefused("The TorchScript file is damaged:", "Copy or save it again.");
        }
    }

    [Fact]
    public void A_file_that_breaks_off_is_told()
    {
        byte[] whole = System.IO.File.ReadAllBytes(ScriptedJobs.Model);
        foreach (int length in new[] { 100, whole.Length / 2, whole.Length - 30 })
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);
            AssertRefused("The TorchScript file is damaged:", "Copy or save it again.");
        }
    }

    [Fact]
    public void A_model_that_sets_attributes_is_told()
    {
        ChangedScript.Write(ScriptedJobs.Model, File, "code/__torch__.py", "    scale = self.scale\n", "    scale = self.scale\n    self.scale = torch.mul(scale, 2)\n");
        AssertRefused("The model sets the attribute scale (line ", "self.count.add_(1)");
    }

    [Fact]
    public void The_last_words_of_the_library_are_its_reason() =>
        Assert.Equal(
            "Unknown builtin op: ops.other.relu. Could not find any similar ops to ops.other.relu.",
            ScriptTrial.Reason("terminate called after throwing an instance of 'torch::jit::ErrorReport'\n  what():  \nUnknown builtin op: ops.other.relu.\nCould not find any similar ops to ops.other.relu.\n:\n  File \"code/__torch__.py\", line 3\n"));

    private void AssertRefused(string problem, string remedy)
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() => ScriptArchive.Check(File)).Errors);
        Assert.Equal(File, error.File);
        Assert.StartsWith(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
    }

    private void WriteZip(params string[] names)
    {
        using var archive = ZipFile.Open(File, ZipArchiveMode.Create);
        foreach (string name in names)
        {
            using Stream part = archive.CreateEntry(name).Open();
            part.WriteByte(1);
        }
    }

    /// <summary>Where the bytes of an archive's parts lie, by the headers that stand before them.</summary>
    private static IEnumerable<(int From, int Length)> Parts(byte[] archive)
    {
        using var zip = new ZipArchive(new MemoryStream(archive));
        int at = 0;
        foreach (ZipArchiveEntry entry in zip.Entries)
        {
            Assert.True(archive.AsSpan(at).StartsWith("PK\u0003\u0004"u8));
            int from = at + 30 + BitConverter.ToUInt16(archive, at + 26) + BitConverter.ToUInt16(archive, at + 28);
            yield return (from, (int)entry.CompressedLength);
            at = from + (int)entry.CompressedLength;
            // A data descriptor may follow.
            at += archive.AsSpan(at).IndexOf("PK\u0003\u0004"u8) is > 0 and < 32 and var more ? more : 0;
        }
    }
}
