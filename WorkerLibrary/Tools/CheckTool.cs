using System.Globalization;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Data;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>Looks through a job's data, its model and this machine, before anything is trained. Does without libtorch where the model is of layers, so that it is soon there.</summary>
internal sealed class CheckTool(CheckRequest request, ComponentCatalog catalog, TextWriter output)
{
    private const int ShownSamples = 3;
    private const int ShownFeatures = 12;

    public int Run(CancellationToken cancellation)
    {
        JobSpec spec = JobFile.FromCanonicalJson(File.ReadAllText(request.Job));
        CheckReport report = Look(spec, cancellation);
        output.WriteLine((report with { Code = report.Errors.Count > 0 ? null : CodeOf(spec) }).ToJson());
        return 0;
    }

    /// <summary>What a slot computes besides our own code; null: nothing.</summary>
    private string? CodeOf(JobSpec spec)
    {
        string?[] parts = [spec.HasOwnCode ? CodeIdentity.Of(catalog) : null, spec.Model.Torchscript is { } script ? SourceHashes.Of(script, request.Cache) : null];
        return parts.All(part => part is null) ? null : string.Join('-', parts.Where(part => part is not null));
    }

    private CheckReport Look(JobSpec spec, CancellationToken cancellation)
    {
        JobData data;
        try
        {
            data = JobData.Open(spec, catalog, request.Cache, cancellation, new ProgressLines(output, TimeProvider.System));
        }
        catch (InputException exception)
        {
            return new CheckReport(exception.Errors, [], null, null);
        }

        using (data)
        {
            CheckedData? read = null;
            try
            {
                read = Describe(data);
                (CheckedModel model, IReadOnlyList<InputError> warnings) = ModelCheck.Run(spec, data, catalog);
                return new CheckReport(WeightErrors(spec, data), [.. data.Warnings, .. warnings, .. OfMachine(spec, model)], read, model);
            }
            catch (InputException exception)
            {
                return new CheckReport([.. WeightErrors(spec, data), .. exception.Errors], data.Warnings, read, null);
            }
        }
    }

    private static IReadOnlyList<InputError> WeightErrors(JobSpec spec, JobData data)
    {
        try
        {
            data.ClassWeights(spec.ClassWeights);
            return [];
        }
        catch (InputException exception)
        {
            return exception.Errors;
        }
    }

    private static CheckedData Describe(JobData data)
    {
        IReadOnlyList<DataField> fields = data.Train.Fields;
        DataField? label = fields.FirstOrDefault(field => field.IsLabel);
        var samples = new List<CheckedSample>();
        for (long id = 0; id < Math.Min(ShownSamples, data.Train.Count); id++)
        {
            float[][] values = SampleReading.ReadOne(data.Train, id);
            float[] Of(bool isLabel) => [.. fields.Zip(values).Where(pair => pair.First.IsLabel == isLabel).SelectMany(pair => pair.Second).Take(ShownFeatures)];
            samples.Add(new CheckedSample(Of(isLabel: false), Of(isLabel: true)));
        }

        int[] shape = [.. fields.Where(field => !field.IsLabel).SelectMany(field => field.Shape).Select(size => (int)size)];
        return new CheckedData(data.Train.Count, data.Validation?.Count ?? 0, shape, data.Normalization?.Features ?? [], label?.Classes, data.Normalization?.ClassNames ?? [], samples);
    }

    private IEnumerable<InputError> OfMachine(JobSpec spec, CheckedModel model)
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        long needed = model.StateBytes + (request.Workers * model.WorkerBytes);
        if (needed > memory)
        {
            yield return new InputError(InputException.JobFile, 0, $"{Amount.Of(request.Workers, "worker")} and the shards need {Megabytes(needed)} at least for the model and what lies between its layers, and this machine has {Megabytes(memory)}.", "Make the model or 'globalBatch' smaller, or 'slots' larger, or train on more machines.");
        }

        long kept = model.StateBytes * (spec.Checkpoint.Keep + 1);
        long free = new DriveInfo(request.Disk).AvailableFreeSpace;
        if (kept > free)
        {
            yield return new InputError(request.Disk, 0, $"{Amount.Of(spec.Checkpoint.Keep, "checkpoint")} and the model take {Megabytes(kept)}, and {Megabytes(free)} are free on this disk.", "Free some space, choose another folder with --output, or lower 'checkpoint.keep'.");
        }
    }

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N0} MB");
}
