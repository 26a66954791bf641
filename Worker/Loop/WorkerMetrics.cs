using System.Diagnostics.Metrics;

namespace Lockstep.Worker.Loop;

/// <summary>What a worker measures of itself. Times are in seconds.</summary>
/// <remarks>A worker sees only the sum of barrier wait and sync latency ("version wait"): the shards, which know when the last contribution came in, report the two apart in each step's report.</remarks>
public sealed class WorkerMetrics
{
    public const string MeterName = "Lockstep.Worker";

    private readonly Histogram<double> _data;
    private readonly Histogram<double> _load;
    private readonly Histogram<double> _compute;
    private readonly Histogram<double> _encode;
    private readonly Histogram<double> _push;
    private readonly Histogram<double> _versionWait;
    private readonly Histogram<double> _agreement;
    private readonly Histogram<double> _evaluate;
    private readonly Counter<long> _slots;
    private readonly Counter<long> _samples;
    private readonly Counter<long> _takenOver;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _stale;
    private readonly Counter<long> _mismatched;
    private readonly Counter<long> _regrouped;

    public WorkerMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        _data = meter.CreateHistogram<double>("lockstep.worker.data.duration", "s", "Choosing the samples of a slot.");
        _load = meter.CreateHistogram<double>("lockstep.worker.load.duration", "s", "Copying a version into the model.");
        _compute = meter.CreateHistogram<double>("lockstep.worker.compute.duration", "s", "Forward and backward pass of a slot, with reading its samples.");
        _encode = meter.CreateHistogram<double>("lockstep.worker.encode.duration", "s", "Encoding a slot's gradient and adding it to the group.");
        _push = meter.CreateHistogram<double>("lockstep.worker.push.duration", "s", "Pushing a group to all shards.");
        _versionWait = meter.CreateHistogram<double>("lockstep.worker.version_wait.duration", "s", "From the end of the worker's last push to the next version whole: barrier wait and sync latency together.");
        _agreement = meter.CreateHistogram<double>("lockstep.worker.agreement.duration", "s", "From the first shard's next version to the same one of all shards: the worker's part of the sync latency.");
        _evaluate = meter.CreateHistogram<double>("lockstep.worker.evaluate.duration", "s", "Measuring one slot of the validation data.");
        _slots = meter.CreateCounter<long>("lockstep.worker.slots", "{slot}", "Slots computed.");
        _samples = meter.CreateCounter<long>("lockstep.worker.samples", "{sample}", "Samples computed.");
        _takenOver = meter.CreateCounter<long>("lockstep.worker.slots.taken_over", "{slot}", "Slots taken over from another worker.");
        _refused = meter.CreateCounter<long>("lockstep.worker.pushes.refused", "{push}", "Pushes that overlapped what a shard had in part.");
        _stale = meter.CreateCounter<long>("lockstep.worker.pushes.stale", "{push}", "Pushes that came after their step was done.");
        _mismatched = meter.CreateCounter<long>("lockstep.worker.slots.mismatched", "{slot}", "Slots whose hash differed from another computation of the same slot.");
        _regrouped = meter.CreateCounter<long>("lockstep.worker.groups.again", "{group}", "Groups begun again in a step because slots were handed back.");
    }

    public void Regrouped() => _regrouped.Add(1);

    public void Data(TimeSpan time) => _data.Record(time.TotalSeconds);

    public void Load(TimeSpan time) => _load.Record(time.TotalSeconds);

    public void Compute(TimeSpan time, int samples)
    {
        _compute.Record(time.TotalSeconds);
        _slots.Add(1);
        _samples.Add(samples);
    }

    public void Encode(TimeSpan time) => _encode.Record(time.TotalSeconds);

    public void Push(TimeSpan time) => _push.Record(time.TotalSeconds);

    public void VersionWait(TimeSpan time) => _versionWait.Record(time.TotalSeconds);

    public void Agreement(TimeSpan time) => _agreement.Record(time.TotalSeconds);

    public void Evaluate(TimeSpan time) => _evaluate.Record(time.TotalSeconds);

    public void TakenOver() => _takenOver.Add(1);

    public void Refused() => _refused.Add(1);

    public void Stale() => _stale.Add(1);

    public void Mismatched(int slots) => _mismatched.Add(slots);
}
