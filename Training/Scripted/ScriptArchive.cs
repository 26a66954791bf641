using System.Buffers;
using System.IO.Compression;
using System.IO.Hashing;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;

namespace Lockstep.Training;

/// <summary>
/// A TorchScript file, looked through before libtorch gets it: a zip archive with one folder that holds <c>data.pkl</c>, <c>constants.pkl</c>, the tensors' bytes and, under <c>code/</c>, what the model computes.
/// libtorch itself goes by no checksum of the archive.
/// </summary>
internal static class ScriptArchive
{
    private const string Save = "In Python, write it by torch.jit.script(model).save(\"model.pt\").";
    private const string CopyAgain = "Copy or save it again.";
    private const int Buffer = 1 << 20;
    private const int LongestCode = 1 << 26;

    /// <summary>A batch norm of an older torch replaces its counter, which nothing but a momentum of None goes by.</summary>
    private const string Counter = "num_batches_tracked";

    /// <exception cref="InputException">The file is missing, damaged, or no TorchScript file whose slots could be pure.</exception>
    public static void Check(string path)
    {
        try
        {
            using FileStream file = RegularFile.Open(path);
            CheckBeginning(path, file);
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            CheckParts(path, archive);
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                CheckBytes(path, entry);
            }

            foreach (ZipArchiveEntry entry in archive.Entries.Where(entry => IsCode(entry.FullName)))
            {
                CheckCode(path, entry);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException)
        {
            throw exception switch
            {
                FileNotFoundException or DirectoryNotFoundException => new InputException(path, 0, "There is no such TorchScript file.", "Correct the path, or write it in Python by torch.jit.script(model).save(\"model.pt\")."),
                InvalidDataException or NotSupportedException or EndOfStreamException => new InputException(path, 0, $"The TorchScript file is damaged: {exception.Message}", CopyAgain),
                _ => new InputException(path, 0, $"The TorchScript file cannot be read: {exception.Message}", "Give a file that may be read."),
            };
        }
    }

    private static void CheckBeginning(string path, FileStream file)
    {
        Span<byte> start = stackalloc byte[4];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        file.Position = 0;
        if (!start.SequenceEqual("PK\u0003\u0004"u8))
        {
            throw new InputException(path, 0, start.IsEmpty ? "The TorchScript file is empty." : $"The file is no TorchScript file: it begins with {Convert.ToHexStringLower(start)}, and not as a zip archive.", Save);
        }
    }

    private static void CheckParts(string path, ZipArchive archive)
    {
        string[] names = [.. archive.Entries.Select(entry => entry.FullName)];
        bool Has(string part) => names.Any(name => name.EndsWith("/" + part, StringComparison.Ordinal));
        if (Has("constants.pkl") && Has("data.pkl") && names.Any(IsCode))
        {
            return;
        }

        throw Has("data.pkl")
            ? new InputException(path, 0, "The file is what torch.save writes, tensors without a model's code, and no TorchScript file.", $"{Save} Weights alone can be given as a safetensors file by 'weights'.")
            : new InputException(path, 0, "The file is a zip archive, and no TorchScript file: it has no code.", Save);
    }

    private static void CheckBytes(string path, ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Buffer);
        try
        {
            var hash = new Crc32();
            long length = 0;
            for (int read; (read = stream.Read(buffer)) > 0; length += read)
            {
                hash.Append(buffer.AsSpan(0, read));
            }

            if (hash.GetCurrentHashAsUInt32() != entry.Crc32 || length != entry.Length)
            {
                throw new InputException(path, 0, $"The TorchScript file is damaged: {entry.FullName} has another checksum than the archive says.", CopyAgain);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A module that sets attributes has state outside of the buffers: a slot would depend on what was computed before it.</summary>
    private static void CheckCode(string path, ZipArchiveEntry entry)
    {
        if (entry.Length > LongestCode)
        {
            throw new InputException(path, 0, $"The TorchScript file has {entry.Length} bytes of code in {entry.FullName}.", Save);
        }

        using var reader = new StreamReader(entry.Open());
        for (int line = 1; reader.ReadLine() is { } text; line++)
        {
            if (AttributeSet(text) is { } name && name != Counter)
            {
                throw new InputException(path, 0, $"The model sets the attribute {name} (line {line} of {entry.FullName}): it has state outside of its buffers, and a slot would depend on what was computed before it.", "Let it be a buffer that is changed in place, such as self.count.add_(1), or leave it out.");
            }
        }
    }

    private static bool IsCode(string name) => name.EndsWith(".py", StringComparison.Ordinal) && name.Contains("/code/", StringComparison.Ordinal);

    /// <summary>Torch writes <c>  self.count = …</c>, or <c>  _0.count = …</c> where the module is one within; what a class declares has a type.</summary>
    /// <returns>The attribute that a line sets; null: it sets none.</returns>
    private static string? AttributeSet(string line)
    {
        int equals = line.IndexOf(" = ", StringComparison.Ordinal);
        return equals > 0 && char.IsWhiteSpace(line[0]) && line[..equals].Trim().Split('.') is [{ Length: > 0 } owner, { Length: > 0 } name] && (owner + name).All(c => char.IsLetterOrDigit(c) || c == '_') ? name : null;
    }
}
