using System.Diagnostics.Metrics;
using System.Globalization;
using Lockstep.ServiceDefaults.Telemetry;

namespace Lockstep.Worker.Loop;

/// <summary>What a worker measures of itself. Times are in seconds.</summary>
internal sealed class WorkerMetrics
{
    public const string MeterName = "Lockstep.Worker";

    private const string ShardTag = "shard";
    private const string PathTag = "path";
    private const string DirectionTag = "direction";

    private readonly Histogram<double> _step;
    private readonly Histogram<double> _data;
    private readonly Histogram<double> _load;
    private readonly Histogram<double> _compute;
    private readonly Histogram<double> _encode;
    private readonly Histogram<double> _push;
    private readonly Histogram<double> _pull;
    private readonly Histogram<double> _versionWait;
    private readonly Histogram<double> _barrierWait;
    private readonly Histogram<double> _sync;
    private readonly Histogram<double> _agreement;
    private readonly Histogram<double> _roundTrip;
    private readonly Histogram<double> _evaluate;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _slots;
    private readonly Counter<long> _samples;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _stale;
    private readonly Counter<long> _mismatched;

    public WorkerMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        _step = meter.CreateDurationHistogram("lockstep.worker.step.duration", "A whole step of this worker: from holding a version to holding the next.");
        _data = meter.CreateDurationHistogram("lockstep.worker.data.duration", "Choosing the samples of a slot.");
        _load = meter.CreateDurationHistogram("lockstep.worker.load.duration", "Copying a version into the model.");
        _compute = meter.CreateDurationHistogram("lockstep.worker.compute.duration", "Forward and backward pass of a slot, with reading its samples.");
        _encode = meter.CreateDurationHistogram("lockstep.worker.encode.duration", "Encoding a slot's gradient and adding it to the group.");
        _push = meter.CreateDurationHistogram("lockstep.worker.push.duration", "Pushing a group to all shards.");
        _pull = meter.CreateDurationHistogram("lockstep.worker.pull.duration", "Receiving a shard's values: from the head of its answer to the last byte.");
        _versionWait = meter.CreateDurationHistogram("lockstep.worker.version_wait.duration", "From the end of the worker's last push to the next version whole: barrier wait and sync latency together.");
        _barrierWait = meter.CreateDurationHistogram("lockstep.worker.barrier_wait.duration", "From the end of the worker's last push to the last contribution of anybody: what it waits for others.");
        _sync = meter.CreateLatencyHistogram("lockstep.worker.sync.duration", "Sync latency: from the last contribution of anybody to the next version held by this worker.");
        _agreement = meter.CreateDurationHistogram("lockstep.worker.agreement.duration", "From the first shard's next version to the same one of all shards: the worker's part of the sync latency.");
        _roundTrip = meter.CreateDurationHistogram("lockstep.worker.round_trip.duration", "A small question to a shard and its answer.");
        _evaluate = meter.CreateDurationHistogram("lockstep.worker.evaluate.duration", "Measuring one slot of the validation data.");
        _bytes = meter.CreateCounter<long>("lockstep.worker.bytes", "By", "Values, sums and exponents that were pushed or pulled, without headers and frames; sums of 16 bits as they are before they are packed.");
        _slots = meter.CreateCounter<long>("lockstep.worker.slots", "{slot}", "Slots computed.");
        _samples = meter.CreateCounter<long>("lockstep.worker.samples", "{sample}", "Samples computed.");
        _refused = meter.CreateCounter<long>("lockstep.worker.pushes.refused", "{push}", "Pushes that overlapped what a shard had in part.");
        _stale = meter.CreateCounter<long>("lockstep.worker.pushes.stale", "{push}", "Pushes that came after their step was done.");
        _mismatched = meter.CreateCounter<long>("lockstep.worker.slots.mismatched", "{slot}", "Slots whose hash differed from another computation of the same slot.");
    }

    public void Step(TimeSpan time) => _step.Record(time.TotalSeconds);

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

    /// <param name="path">What carries the bytes: grpc, memory.</param>
    public void Pushed(string path, long bytes) => _bytes.Add(bytes, new(DirectionTag, "push"), new(PathTag, path));

    /// <param name="bytes">0: the values were held already, and did not travel.</param>
    public void Pulled(int shard, string path, long bytes, TimeSpan time)
    {
        if (bytes == 0)
            return;
        _pull.Record(time.TotalSeconds, Of(shard));
        _bytes.Add(bytes, new(DirectionTag, "pull"), new(PathTag, path));
    }

    public void RoundTrip(int shard, string path, TimeSpan time) => _roundTrip.Record(time.TotalSeconds, Of(shard), new(PathTag, path));

    /// <param name="sync">The part of <paramref name="wait"/> after the last contribution was in; zero: not known.</param>
    public void VersionWait(TimeSpan wait, TimeSpan sync)
    {
        _versionWait.Record(wait.TotalSeconds);
        if (sync > TimeSpan.Zero)
        {
            _sync.Record(sync.TotalSeconds);
            _barrierWait.Record(wait > sync ? (wait - sync).TotalSeconds : 0);
        }
    }

    public void Agreement(TimeSpan time) => _agreement.Record(time.TotalSeconds);

    public void Evaluate(TimeSpan time) => _evaluate.Record(time.TotalSeconds);

    public void Refused() => _refused.Add(1);

    public void Stale() => _stale.Add(1);

    public void Mismatched(int slots) => _mismatched.Add(slots);

    private static KeyValuePair<string, object?> Of(int shard) => new(ShardTag, shard.ToString(CultureInfo.InvariantCulture));
}
