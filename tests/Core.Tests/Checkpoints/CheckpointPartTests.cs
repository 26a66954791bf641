using System.Security.Cryptography;
using System.Text;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Checkpoints;

public sealed class CheckpointPartTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly string _path;
    private readonly JobDescriptor _job = CheckpointFolder.Job(2);
    private readonly ShardSnapshot _state;
    private readonly string _sha256;

    public CheckpointPartTests()
    {
        _path = Path.Combine(_folder.Path, "part.ckpt");
        _state = CheckpointFolder.State(_job, 1, 7);
        _sha256 = CheckpointPart.Write(_path, _job, _state);
    }

    [Fact]
    public void What_was_written_is_read_to_the_bit()
    {
        (JobDescriptor job, ShardSnapshot state) = CheckpointPart.Read(_path, _sha256);
        Assert.Equal(_job.Fingerprint(), job.Fingerprint());
        Assert.Equal((_state.Generation, _state.Version, _state.Shard), (state.Generation, state.Version, state.Shard));
        Assert.Equal(_state.Chunks, state.Chunks);
        Assert.Equal(Floats.Bits(_state.Values), Floats.Bits(state.Values));
        Assert.Equal(Floats.Bits(_state.State1), Floats.Bits(state.State1));
        Assert.Equal(Floats.Bits(_state.State2), Floats.Bits(state.State2));
        Assert.Equal(_state.Hints, state.Hints);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_path))), _sha256);
        Assert.Equal([_path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Damage_at_any_byte_is_refused()
    {
        byte[] bytes = File.ReadAllBytes(_path);
        for (int at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 1;
            File.WriteAllBytes(_path, bytes);
            Assert.Contains("its bytes are not those that were written", Refused(_sha256), StringComparison.Ordinal);
            bytes[at] ^= 1;
        }
    }

    [Fact]
    public void A_part_that_is_cut_off_or_longer_or_gone_is_refused()
    {
        byte[] bytes = File.ReadAllBytes(_path);
        foreach (int length in new[] { 0, 1, 11, 12, 100, bytes.Length - 1 })
        {
            File.WriteAllBytes(_path, bytes[..length]);
            Refused(_sha256);
        }

        File.WriteAllBytes(_path, [.. bytes, 0]);
        Refused(_sha256);
        File.Delete(_path);
        Refused(_sha256);
    }

    [Theory]
    [InlineData("", 0, "it does not begin as a checkpoint does")]
    [InlineData("LSTPCKP", 0, "it does not begin as a checkpoint does")]
    [InlineData("LSTPCKP1\0\0\0\0", 0, "it does not begin as a checkpoint does")]
    [InlineData("LSTPCKP2\u0005\0\0\0null", 0, "its header is longer than the file")]
    [InlineData("LSTPCKP2\u0004\0\0\0null", 0, "its header cannot be read")]
    [InlineData("LSTPCKP2\u0002\0\0\0{}", 0, "its header cannot be read")]
    [InlineData("LSTPCKP2\u0002\0\0\0[]", 0, "its header cannot be read")]
    public void A_file_that_is_no_part_is_refused_whatever_its_hash(string text, int zeros, string why)
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes(text), .. new byte[zeros]];
        File.WriteAllBytes(_path, bytes);
        Assert.Contains(why, Refused(Convert.ToHexStringLower(SHA256.HashData(bytes))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Values\":", "\"Values\":-")]
    [InlineData("\"Values\":", "\"Values\":9")]
    [InlineData("\"Hints\":", "\"Hints\":1")]
    [InlineData("\"State1\":", "\"State3\":")]
    [InlineData("\"Chunks\":[", "\"Chunks\":null,\"Junk\":[")]
    [InlineData("\"Descriptor\":{", "\"Descriptor\":null,\"Junk\":{")]
    public void A_header_that_does_not_fit_is_refused_whatever_its_hash(string part, string replacement)
    {
        byte[] bytes = File.ReadAllBytes(_path);
        int length = BitConverter.ToInt32(bytes, 8);
        string header = Encoding.UTF8.GetString(bytes, 12, length);
        Assert.Contains(part, header, StringComparison.Ordinal);
        byte[] changed = Encoding.UTF8.GetBytes(header.Replace(part, replacement, StringComparison.Ordinal));
        byte[] file = [.. bytes[..8], .. BitConverter.GetBytes(changed.Length), .. changed, .. bytes[(12 + length)..]];
        File.WriteAllBytes(_path, file);
        Refused(Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    public void Dispose() => _folder.Dispose();

    private string Refused(string sha256)
    {
        ProtocolException exception = Assert.Throws<ProtocolException>(() => CheckpointPart.Read(_path, sha256));
        Assert.Equal(ProtocolError.Checkpoint, exception.Error);
        Assert.Contains(_path, exception.Message, StringComparison.Ordinal);
        Assert.Contains("Delete the folder of that step to resume from the one before, or start a new run.", exception.Message, StringComparison.Ordinal);
        return exception.Message;
    }
}
