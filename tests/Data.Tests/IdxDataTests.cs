using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using static Lockstep.Data.Tests.DataFolder;

namespace Lockstep.Data.Tests;

public sealed class IdxDataTests : IDisposable
{
    private const uint LabelsMagic = 0x801;
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Reads_images_and_labels_plain_and_compressed()
    {
        var (images, labels) = (Images(3, 3, 5), Labels(LabelsMagic, 4, 0, 2));
        using var plain = folder.Open(folder.Idx(images, labels));
        using var packed = folder.Open(folder.Idx(Gzip(images), Gzip(labels), ".gz"));
        Assert.Equal([1, 3, 5], plain.Train.SampleShape);
        Assert.Equal(5, plain.Train.Classes);
        Assert.Equal([[4f], [0f], [2f]], plain.Train.All().Labels);
        Assert.Equal(Enumerable.Range(0, 45).Select(i => (float)(byte)(i * 7)), plain.Train.All().Features.SelectMany(f => f));
        Assert.Equal(plain.Train.All().Features, packed.Train.All().Features);
    }

    [Fact]
    public void Pairs_of_files_follow_each_other()
    {
        var spec = folder.Idx(Images(2, 3, 3), Labels(LabelsMagic, 1, 0)) with { TrainMore = [folder.Write("more", Images(1, 3, 3))], TrainLabelsMore = [folder.Write("more-labels", Labels(LabelsMagic, 6))] };
        using var data = folder.Open(spec);
        Assert.Equal([[1f], [0f], [6f]], data.Train.All().Labels);
        Assert.Equal(7, data.Train.Classes);
        Assert.Equal(data.Train.Sample(0).Features, data.Train.Sample(2).Features);
        var error = folder.Refused(spec with { TrainMore = [folder.Write("other", Images(1, 2, 4))] });
        Assert.Equal($"The images are of 2 × 4, those of {spec.Train} of 3 × 3.", error.Message);
    }

    [Fact]
    public void Normalises_all_pixels_alike()
    {
        var spec = folder.Idx(Images(6, 4, 4), Labels(LabelsMagic, 0, 1, 0, 1, 0, 1)) with { Split = 0.34 };
        using var raw = folder.Open(spec);
        using var standard = folder.Open(spec with { Normalize = NormalizationKind.Standard });
        using var scaled = folder.Open(spec with { Normalize = NormalizationKind.MinMax });
        var pixels = raw.Train.All().Features.SelectMany(f => f).Select(p => (double)p).ToArray();
        var mean = pixels.Average();
        var deviation = Math.Sqrt(pixels.Average(p => (p - mean) * (p - mean)));
        var (before, after) = (raw.Validation!.Sample(0).Features, standard.Validation!.Sample(0).Features);
        for (var i = 0; i < before.Length; i++)
        {
            Assert.Equal((before[i] - mean) / deviation, after[i], 1e-5);
            Assert.Equal(before[i] / 255, scaled.Validation!.Sample(0).Features[i], 1e-6f);
        }
    }

    [Fact]
    public void Images_without_labels_are_prepared_alike()
    {
        var spec = folder.Idx(Images(6, 3, 5), Labels(LabelsMagic, 0, 1, 0, 1, 0, 1)) with { Normalize = NormalizationKind.Standard };
        using var labelled = folder.Open(spec);
        using var bare = DataSets.OpenForPrediction(spec with { TrainLabels = null }, labelled.Normalization, folder.Cache, TestContext.Current.CancellationToken);
        Assert.Equal((6, 0, 15), (bare.Count, bare.LabelWidth, bare.FeatureCount));
        Assert.Equal(labelled.Train.All().Features, bare.All().Features);
        Assert.Contains("trainLabels", Assert.Throws<InputException>(() => DataSets.OpenForEvaluation(spec with { TrainLabels = null }, LossKind.CrossEntropy, labelled.Normalization, folder.Cache, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_and_mistaken_files_are_refused()
    {
        var (images, labels) = (Images(2, 3, 3), Labels(LabelsMagic, 1, 0));
        Check(folder.Idx(labels, labels), "images", "0x00000801");
        Check(folder.Idx(images, images), "labels", "0x00000803");
        Check(folder.Idx(Images(2, 3, 3, magic: 0xd03), labels), "images", "0x00000d03");
        Check(folder.Idx([], labels), "images", "no IDX file");
        Check(folder.Idx(images[..14], labels), "images", "within its header");
        Check(folder.Idx(images[..^1], labels), "images", "ends within image 1 of 2");
        Check(folder.Idx([.. images, 0], labels), "images", "goes on after the 2 items");
        Check(folder.Idx(images, labels[..^1]), "labels", "ends within label 1 of 2");
        Check(folder.Idx(images, [.. labels, 0]), "labels", "goes on after");
        Check(folder.Idx(images, Labels(LabelsMagic, 1, 0, 1)), "labels", "3 labels for 2 images");
        Check(folder.Idx(Images(0, 3, 3), Labels(LabelsMagic)), "images", "0 images");
        Check(folder.Idx(images, labels) with { TrainLabels = null }, "images", "no file of labels");
        Check(folder.Idx(images, labels) with { TrainLabels = folder["none"] }, "none", "no such data file");

        void Check(DataSpec spec, string file, string message)
        {
            var error = folder.Refused(spec);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Equal(folder[file], error.File);
        }
    }

    [Fact]
    public void A_compressed_file_that_is_cut_is_refused()
    {
        var (images, labels) = (Gzip(Images(40, 7, 7)), Gzip(Labels(LabelsMagic, new byte[40])));
        foreach (var length in new[] { 5, 30, images.Length / 2, images.Length - 9, images.Length - 1 })
        {
            Assert.Contains("ends too early", folder.Refused(folder.Idx(images[..length], labels, ".gz")).Message, StringComparison.Ordinal);
        }

        Assert.Contains("ends too early", folder.Refused(folder.Idx(images, labels[..^3], ".gz")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_images_need_the_same_shape()
    {
        var spec = folder.Idx(Images(2, 2, 8), Labels(LabelsMagic, 1, 0)) with { Validation = folder.Write("v", Images(1, 4, 4)), ValidationLabels = folder.Write("vl", Labels(LabelsMagic, 3)) };
        Assert.Contains("[1, 4, 4]", folder.Refused(spec).Message, StringComparison.Ordinal);
        using var data = folder.Open(spec with { Validation = folder.Write("v", Images(1, 2, 8)) });
        Assert.Equal(4, data.Train.Classes);
    }
}
