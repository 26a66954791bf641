using System.Globalization;
using Lockstep.Contracts.Runs;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Looks whether a learning rate is far too large or far too small, by the losses of a run's steps. Says each once, with what to do about it.</summary>
/// <param name="totalSteps">Of the run.</param>
/// <param name="isWeighted">Samples weigh by their classes, so that a batch's loss goes by which it has: that of a single one says nothing.</param>
internal sealed class LossWatch(long stepsPerEpoch, long totalSteps, bool isWeighted = false)
{
    private const int LargestWindow = 50;

    /// <summary>Times the mean of the first steps, that it has diverged and not only swung.</summary>
    private const double Grown = 1.5;

    /// <summary>Times the loss of the first step, which is that of one batch: it may grow within the first steps.</summary>
    private const double GrownAtOnce = 3;

    /// <summary>Epochs see the same samples: a mean that has moved by less of itself has not.</summary>
    private const double Unmoved = 0.001;

    /// <summary>Between parts of an epoch, which see other samples each, a move of more than this is one, however much the losses vary.</summary>
    private const double LeastMove = 0.01;

    /// <summary>Steps from which on the parts of a run without two epochs say anything.</summary>
    private const int FewestSteps = 40;

    private readonly int _window = (int)Math.Clamp(stepsPerEpoch, 5, LargestWindow);
    private readonly Queue<double> _newest = new();
    private readonly List<string> _warnings = [];
    private double _sum;
    private double? _firstStep;
    private double? _first;
    private bool _diverged;
    private bool _unmoved;
    private (double Sum, long Samples) _epoch;
    private double? _firstEpoch;
    private Part _begin, _end;

    public IReadOnlyList<string> Warnings => _warnings;

    /// <param name="step">In order of steps.</param>
    public void Add(StepRecord step)
    {
        LookForGrowth(step);
        LookAtEpoch(step);
        LookAtParts(step);
    }

    private void LookForGrowth(StepRecord step)
    {
        _firstStep ??= step.Loss;
        _newest.Enqueue(step.Loss);
        _sum += step.Loss;
        if (_newest.Count > _window)
        {
            _sum -= _newest.Dequeue();
        }

        if (_newest.Count < _window)
        {
            return;
        }

        double mean = _sum / _window;
        _first ??= mean;
        if (!_diverged && !(mean <= Grown * _first.Value && (isWeighted || mean <= GrownAtOnce * _firstStep.Value)))
        {
            _diverged = true;
            _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"The loss has grown from {Math.Min(_first.Value, _firstStep.Value):G3} to {mean:G3} by step {step.Step}: the learning rate, {step.LearningRate:G3} there, is too large. Lower 'optimizer.learningRate' ('lockstep find-rate' suggests one), or clip the norm by 'optimizer.clipNorm'."));
        }
    }

    private void LookAtEpoch(StepRecord step)
    {
        _epoch = (_epoch.Sum + (step.Loss * step.Samples), _epoch.Samples + step.Samples);
        if (step.Step % stepsPerEpoch != 0)
        {
            return;
        }

        double mean = _epoch.Sum / _epoch.Samples;
        _epoch = default;
        if (_firstEpoch is not { } first)
        {
            _firstEpoch = mean;
            return;
        }

        if (Math.Abs(mean - first) <= Unmoved * Math.Abs(first))
        {
            Stands(string.Create(CultureInfo.InvariantCulture, $"The loss of epoch {step.Step / stepsPerEpoch} is that of the first, {first:G4}"), step);
        }

        // Once it has moved, a plateau is only where it has arrived.
        _unmoved = true;
    }

    /// <summary>Of a run that does not come to a second epoch, the first quarter and the last.</summary>
    private void LookAtParts(StepRecord step)
    {
        if (totalSteps >= 2 * stepsPerEpoch || totalSteps < FewestSteps)
        {
            return;
        }

        long quarter = totalSteps / 4;
        _begin = step.Step <= quarter ? _begin.With(step.Loss) : _begin;
        _end = step.Step > totalSteps - quarter ? _end.With(step.Loss) : _end;
        if (step.Step != totalSteps || _begin.Count == 0)
        {
            return;
        }

        double moved = Math.Abs(_end.Mean - _begin.Mean);
        double error = Math.Sqrt((_begin.Variance / _begin.Count) + (_end.Variance / _end.Count));
        if (moved <= LeastMove * Math.Abs(_begin.Mean) && moved <= 2 * error)
        {
            Stands(string.Create(CultureInfo.InvariantCulture, $"The loss of the last {quarter} steps is that of the first, {_begin.Mean:G4}"), step);
        }
    }

    private void Stands(string what, StepRecord step)
    {
        if (!_unmoved)
        {
            _unmoved = true;
            _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: the learning rate, {step.LearningRate:G3}, does nothing, or the features say nothing of the labels. Raise 'optimizer.learningRate' ('lockstep find-rate' suggests one), or look at the data."));
        }
    }

    /// <summary>Running mean and variance (Welford 1962).</summary>
    private readonly record struct Part(long Count, double Mean, double Squares)
    {
        public double Variance => Count > 1 ? Squares / (Count - 1) : 0;

        public Part With(double value)
        {
            double mean = Mean + ((value - Mean) / (Count + 1));
            return new(Count + 1, mean, Squares + ((value - Mean) * (value - mean)));
        }
    }
}
