using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Parquet;
using Parquet.Schema;

namespace Lockstep.Data.Tests;

public sealed class ParquetDataTests : IDisposable
{
    private readonly DataFolder folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Columns_of_all_kinds_are_read_over_row_groups()
    {
        using var data = folder.Open(await WrittenAsync() with { Categories = ["name"], Missing = MissingPolicy.Zero });
        Assert.Equal(["real", "single", "whole", "flag", "maybe", "name=a", "name=b"], data.Normalization.Features);
        Assert.Equal([[0.1f, 0.1f, 3, 1, 5, 1, 0], [-2f, 2.5f, -4, 0, 0, 0, 1], [1e300 > 0 ? 7f : 0, 0.5f, 5, 1, 6, 1, 0]], data.Train.All().Features);
        Assert.Equal([[0f], [1f], [0f]], data.Train.All().Labels);
    }

    [Fact]
    public async Task A_missing_value_is_told_by_its_row()
    {
        var error = folder.Refused(await WrittenAsync() with { Exclude = ["name"] });
        Assert.Equal((folder["data.parquet"], 2, "There is no value in column maybe."), (error.File, error.Line, error.Message));
    }

    [Fact]
    public async Task A_file_that_is_cut_off_or_damaged_is_refused()
    {
        var spec = await WrittenAsync() with { Exclude = ["name"], Missing = MissingPolicy.Zero };
        byte[] bytes = await File.ReadAllBytesAsync(spec.Train, TestContext.Current.CancellationToken);
        for (int length = 0; length < bytes.Length; length += 41)
        {
            var error = folder.Refused(spec with { Train = folder.Write("cut.parquet", bytes[..length]) });
            Assert.Equal(folder["cut.parquet"], error.File);
        }

        int refused = 0;
        for (int at = 4; at < bytes.Length - 4; at += 37)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 0x5A;
            try
            {
                folder.Open(spec with { Train = folder.Write("damaged.parquet", damaged) }).Dispose();
            }
            catch (InputException exception)
            {
                Assert.All(exception.Errors, error => Assert.NotEmpty(error.Remedy));
                refused++;
            }
        }

        Assert.NotEqual(0, refused);
        Assert.Contains("no Parquet file", folder.Refused(spec with { Train = folder.Write("x.parquet", "a,b\n1,2\n") }).Message, StringComparison.Ordinal);
        Assert.Contains("format: parquet", folder.Refused(spec with { Format = DataFormat.Csv }).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_column_of_lists_is_no_single_value()
    {
        var schema = new ParquetSchema(new DataField<int>("y"), new ListField("list", new DataField<int>("element")));
        await using (var file = File.Create(folder["lists.parquet"]))
        {
            await using var writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: Cancellation);
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<int>(schema.DataFields[0], new[] { 1, 2 }, cancellationToken: Cancellation);
            await group.WriteAllPartsAsync<int>(schema.DataFields[1], new[] { 1, 2 }, new[] { schema.DataFields[1].MaxDefinitionLevel, schema.DataFields[1].MaxDefinitionLevel }, new[] { 0, 0 }, Cancellation);
        }

        var error = folder.Refused(new DataSpec { Format = DataFormat.Parquet, Train = folder["lists.parquet"], Labels = ["y"] });
        Assert.StartsWith("Column list holds what is no single value", error.Message, StringComparison.Ordinal);
    }

    private async Task<DataSpec> WrittenAsync()
    {
        var schema = new ParquetSchema(new DataField<double>("real"), new DataField<float>("single"), new DataField<long>("whole"), new DataField<bool>("flag"), new DataField<int?>("maybe"), new DataField<string>("name"), new DataField<int>("y"));
        await using (var file = File.Create(folder["data.parquet"]))
        {
            await using var writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: Cancellation);
            await GroupAsync([0.1, -2], [0.1f, 2.5f], [3, -4], [true, false], [5, null], ["a", "b"], [0, 1]);
            await GroupAsync([7], [0.5f], [5], [true], [6], ["a"], [0]);

            async Task GroupAsync(double[] real, float[] single, long[] whole, bool[] flag, int?[] maybe, string[] name, int[] y)
            {
                using var group = writer.CreateRowGroup();
                await group.WriteAsync<double>(schema.DataFields[0], real);
                await group.WriteAsync<float>(schema.DataFields[1], single);
                await group.WriteAsync<long>(schema.DataFields[2], whole);
                await group.WriteAsync<bool>(schema.DataFields[3], flag);
                await group.WriteAsync<int>(schema.DataFields[4], maybe);
                await group.WriteAsync(schema.DataFields[5], name);
                await group.WriteAsync<int>(schema.DataFields[6], y);
            }
        }

        return new DataSpec { Format = DataFormat.Parquet, Train = folder["data.parquet"], Labels = ["y"] };
    }
}
