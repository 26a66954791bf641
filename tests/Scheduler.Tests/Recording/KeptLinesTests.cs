using System.Text.Json;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Tests.Recording;

/// <summary>What a scheduler takes over of a file of lines.</summary>
public sealed class KeptLinesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-").FullName;

    private string Lines => Path.Combine(_folder, "lines.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("1\n2\n3\n", "1\n2\n3\n9\n")]
    [InlineData("1\n2\n3\n{\"to", "1\n2\n3\n9\n")]
    [InlineData("1\n\"no\"\n2\n3\n", "1\n2\n3\n9\n")]
    [InlineData("\"no\"\n3\n", "3\n9\n")]
    [InlineData("1\n2\n3", "1\n2\n3\n9\n")]
    [InlineData("{\"to", "9\n")]
    [InlineData("", "9\n")]
    [InlineData(null, "9\n")]
    public void They_and_what_comes_later_are_in_the_file_also_where_it_cannot_be_made_anew(string? before, string after)
    {
        foreach (bool isFull in new[] { false, true })
        {
            File.Delete(Lines);
            if (before is not null)
            {
                File.WriteAllText(Lines, before);
            }

            if (isFull)
            {
                // A folder stands where the second file would be.
                Directory.CreateDirectory(Lines + ".tmp");
            }

            using (LineFile file = KeptLines.Read(Lines, IsNumber).Open())
            {
                Assert.Null(file.Append("9"));
            }

            Assert.Equal(after, File.ReadAllText(Lines));
        }
    }

    [Fact]
    public void Who_had_the_file_open_before_harms_nothing()
    {
        File.WriteAllText(Lines, "1\n");
        using var before = new LineFile(LineFile.At(Lines));
        Assert.Null(before.Append("2"));
        using LineFile now = KeptLines.Read(Lines, IsNumber).Open();
        Assert.Null(before.Append("3"));
        Assert.Null(now.Append("4"));
        Assert.Equal("1\n2\n4\n", File.ReadAllText(Lines));
    }

    private static bool IsNumber(string line) => JsonSerializer.Deserialize<JsonElement>(line).ValueKind == JsonValueKind.Number;
}
