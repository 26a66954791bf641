using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using static Lockstep.Data.Tests.DataFolder;

namespace Lockstep.Data.Tests;

/// <summary>What is told of data before they are read through.</summary>
public sealed class BeginningsTests : IDisposable
{
    private const string Rows = "width,height,label\n1,2,0\n";
    private const uint LabelsMagic = 0x801;

    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_a_beginning_shows_is_told_as_reading_the_whole_file_tells_it()
    {
        DataSpec csv = _folder.Csv(Rows, "label");
        SameRefusal(csv with { Train = _folder["none.csv"] });
        SameRefusal(csv with { Validation = _folder["none.csv"] });
        SameRefusal(csv with { Train = Path.GetDirectoryName(csv.Train)! });
        SameRefusal(csv with { Labels = ["lable"] });
        SameRefusal(csv with { Features = ["Width", "q"] });
        SameRefusal(csv with { Validation = _folder.Write("held.csv", "width,height\n1,2\n") });
        SameRefusal(csv with { Train = _folder.Write("empty.csv", "") });
        SameRefusal(csv with { Train = _folder.Write("cut.csv.gz", Gzip(System.Text.Encoding.UTF8.GetBytes(Rows))[..12]) });

        (byte[] images, byte[] labels) = (Images(2, 3, 3), Labels(LabelsMagic, 1, 0));
        SameRefusal(_folder.Idx(images, labels) with { TrainLabels = null });
        SameRefusal(_folder.Idx(images, labels) with { TrainLabels = _folder["none"] });
        SameRefusal(_folder.Idx(labels, labels));
        SameRefusal(_folder.Idx(images, images));
        SameRefusal(_folder.Idx(images[..14], labels));
        SameRefusal(_folder.Idx(images, Labels(LabelsMagic, 1, 0, 1)));
    }

    [Fact]
    public void No_more_than_a_beginning_is_read()
    {
        DataSets.CheckBeginnings(_folder.Csv(Rows + "3,tall,0\n", "label") with { Validation = _folder.Write("held.csv", Rows + "1\n") });
        DataSets.CheckBeginnings(_folder.Idx(Images(2, 3, 3)[..^1], Labels(LabelsMagic, 1, 0)));

        Assert.False(Directory.Exists(_folder.Cache));
    }

    private void SameRefusal(DataSpec data) =>
        Assert.Equal(Assert.Throws<InputException>(() => _folder.Open(data).Dispose()).Message, Assert.Throws<InputException>(() => DataSets.CheckBeginnings(data)).Message);
}
