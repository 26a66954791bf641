using CsCheck;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Fuzzing;

namespace Lockstep.Data.Tests;

public sealed class ImageDataTests : IDisposable
{
    /// <summary>A JPEG of 8 × 8 pixels, all of grey 128.</summary>
    private const string Jpeg = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAAIAAgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/ACv/2Q==";

    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Each_folder_is_a_class()
    {
        var spec = Classes();
        using var data = folder.Open(spec, loss: LossKind.CrossEntropy);
        Assert.Equal(["cat", "dog"], data.Normalization.ClassNames);
        Assert.Equal([1, 2, 3], data.Train.SampleShape);
        var (features, labels) = data.Train.All();
        Assert.Equal([[0f], [0f], [1f], [1f]], labels);
        // An image of the size is what it is.
        Assert.Equal([0f, 1, 2, 10, 11, 12], features[0]);
        Assert.All(features[3], pixel => Assert.Equal(128, pixel));

        using var held = folder.Open(spec with { Validation = Made("held", ("dog/x.png", Pngs.Of(2, 3, 1, (_, _, _) => 9))) }, loss: LossKind.CrossEntropy);
        Assert.Equal([[1f]], held.Validation!.All().Labels);
        var unknown = folder.Refused(spec with { Validation = Made("other", ("cow/x.png", Pngs.Of(2, 3, 1, (_, _, _) => 9))) }, LossKind.CrossEntropy);
        Assert.Equal("The folder 'cow' is a class that the training data do not have (cat, dog).", unknown.Message);

        using var bare = DataSets.OpenForPrediction(spec with { Train = Made("new", ("x.png", Pngs.Of(2, 3, 1, (_, _, _) => 9))) }, data.Normalization, folder.Cache, TestContext.Current.CancellationToken);
        Assert.Equal((1, 0), (bare.Count, bare.LabelWidth));
    }

    [Fact]
    public void A_table_names_images_and_labels()
    {
        Made("photos", ("a.png", Pngs.Of(1, 1, 3, (_, _, c) => (byte)(50 * c))), ("b/c.png", Pngs.Of(1, 1, 3, (_, _, _) => 7)));
        var spec = new DataSpec { Format = DataFormat.Images, Train = folder.Write("photos/table.csv", "file,price\nb/c.png,2.5\na.png,-1\n"), Labels = ["price"], Image = new ImageSpec { Shape = [3, 1, 1] } };
        using var data = folder.Open(spec);
        Assert.Equal([[7f, 7, 7], [0f, 50, 100]], data.Train.All().Features);
        Assert.Equal([[2.5f], [-1f]], data.Train.All().Labels);

        Refused("file,price\nb/c.png,\n", 2, "There is no label in column price.");
        Refused("file,price\n../a.png,1\n", 2, "'../a.png' is no name of an image below the table's folder.");
        Refused("file,price\nb/none.png,1\n", 2, "There is no image 'b/none.png'.");
        Assert.StartsWith("'labels' is missing", folder.Refused(spec with { Labels = [] }).Message, StringComparison.Ordinal);

        void Refused(string table, int line, string message)
        {
            folder.Write("photos/table.csv", table);
            var error = folder.Refused(spec);
            Assert.Equal((spec.Train, line, message), (error.File, error.Line, error.Message));
        }
    }

    [Fact]
    public void Other_sizes_are_scaled()
    {
        // Left half black, right half white.
        string wide = Made("wide", ("a/x.png", Pngs.Of(4, 8, 1, (_, x, _) => (byte)(x < 4 ? 0 : 255))));
        Assert.Equal([0f, 255, 0, 255], Read(ImageFit.Stretch, 2, 2).Select(Rough));
        Assert.Equal([0f, 255, 0, 255], Read(ImageFit.Cover, 2, 2).Select(Rough));
        Assert.Equal([0f, 0, 0, 0, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0], Read(ImageFit.Contain, 4, 4).Select(Rough));
        // All of one grey stays so, whatever the size.
        wide = Made("plain", ("a/x.png", Pngs.Of(7, 5, 1, (_, _, _) => 201)));
        Assert.All(Read(ImageFit.Stretch, 3, 11).Concat(Read(ImageFit.Cover, 13, 2)), pixel => Assert.Equal(201, pixel));

        float[] Read(ImageFit fit, int height, int width)
        {
            using var data = folder.Open(new DataSpec { Format = DataFormat.Images, Train = wide, Image = new ImageSpec { Shape = [1, height, width], Fit = fit } }, loss: LossKind.CrossEntropy);
            return data.Train.Sample(0).Features;
        }

        static float Rough(float pixel) => pixel < 64 ? 0 : pixel > 191 ? 255 : pixel;
    }

    [Fact]
    public void What_varies_follows_from_the_seed_and_measuring_sees_the_middle()
    {
        string train = Made("train", ("a/x.png", Pngs.Of(6, 6, 1, (y, x, _) => (byte)(100 + (10 * y) + x))));
        var spec = new DataSpec { Format = DataFormat.Images, Train = train, Image = new ImageSpec { Shape = [1, 4, 4], Crop = 2, Flip = true, Shift = 1 } };
        using var data = folder.Open(spec, loss: LossKind.CrossEntropy);
        Assert.Equal(Enumerable.Range(0, 16).Select(i => 111f + (10 * (i / 4)) + (i % 4)), data.Train.Sample(0).Features);

        float[][] varied = [.. Enumerable.Range(0, 400).Select(seed => Varied((ulong)seed))];
        Assert.Equal(varied[7], Varied(7));
        // Nine places of the part, mirrored or not, nine shifts: most are drawn.
        Assert.InRange(varied.Select(pixels => string.Join(' ', pixels)).Distinct().Count(), 120, 162);
        Assert.Contains(varied, pixels => pixels[0] > pixels[1] && pixels[1] > 0);
        Assert.Contains(varied, pixels => pixels[..4].All(pixel => pixel == 0));
        Assert.All(varied, pixels => Assert.All(pixels, pixel => Assert.True(pixel is 0 or (>= 100 and <= 155))));

        float[] Varied(ulong seed)
        {
            var (features, labels) = (new float[16], new float[1]);
            data.Train.Read([0], [seed], features, labels);
            return features;
        }
    }

    [Fact]
    public void What_is_no_image_is_refused_by_name()
    {
        var spec = Classes();
        byte[] good = Pngs.Of(2, 3, 1, (_, _, _) => 1);
        Refused([], "The image's file is empty.");
        Refused([.. "no image at all"u8], "The file is no PNG and no JPEG: it begins with 6e6f2069.");
        Refused(good[..^5], "The image ends too early.");
        Refused(good[..^14], "The image ends too early.");
        Refused(Convert.FromBase64String(Jpeg)[..^3], "The image ends too early.");
        byte[] damaged = [.. good];
        damaged[43] ^= 0xFF;
        Refused(damaged, "The image is damaged:");
        byte[] huge = [.. good];
        huge[16] = 0x7F;
        Refused(huge, "The image is damaged:");
        File.Delete(folder["train/dog/bad.png"]);
        folder.Write("train/loose.png", good);
        Assert.Contains("in no class's folder", folder.Refused(spec, LossKind.CrossEntropy).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(folder["empty"]);
        Assert.Equal("There is no image in the folder.", folder.Refused(spec with { Train = folder["empty"] }, LossKind.CrossEntropy).Message);

        void Refused(byte[] bytes, string message)
        {
            folder.Write("train/dog/bad.png", bytes);
            var error = folder.Refused(spec, LossKind.CrossEntropy);
            Assert.Equal(folder["train/dog/bad.png"], error.File);
            Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Any_damaged_image_is_read_or_refused()
    {
        var trial = new InputTrial();
        byte[][] images = [Convert.FromBase64String(Jpeg), Pngs.Of(9, 7, 3, (y, x, c) => (byte)(y * x * (c + 1)))];
        var image = new ImageSpec { Shape = [3, 5, 5] };
        Gen.Select(Gen.Int[0, 1], Gen.Select(Gen.Int[2, 400], Gen.Byte).Array[1, 4], Gen.Int[0, 30]).Sample(
            (which, changes, cut) =>
            {
                byte[] bytes = [.. images[which]];
                foreach (var (at, value) in changes)
                {
                    bytes[at % bytes.Length] = value;
                }

                string path = folder.Write($"image-{Guid.NewGuid():N}", cut < 3 ? bytes[..^cut] : bytes);
                trial.Run(() => ImageFile.Read(path, image, new byte[75]), () => Convert.ToHexString(bytes));
                File.Delete(path);
            },
            iter: 1000,
            threads: 1);
        trial.End();
    }

    private DataSpec Classes() => new()
    {
        Format = DataFormat.Images,
        Train = Made("train", ("cat/a.png", Pngs.Of(2, 3, 1, (y, x, _) => (byte)((10 * y) + x))), ("cat/b.PNG", Pngs.Of(4, 6, 3, (_, _, _) => 200)), ("dog/c.png", Pngs.Of(2, 3, 1, (_, _, _) => 3)), ("dog/d.jpeg", Convert.FromBase64String(Jpeg)), ("dog/notes.txt", "x"u8.ToArray())),
        Image = new ImageSpec { Shape = [1, 2, 3] },
    };

    private string Made(string name, params (string Path, byte[] Content)[] files)
    {
        foreach (var (path, content) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder[$"{name}/{path}"])!);
            folder.Write($"{name}/{path}", content);
        }

        return folder[name];
    }
}
