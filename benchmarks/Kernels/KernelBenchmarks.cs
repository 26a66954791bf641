using BenchmarkDotNet.Attributes;

namespace Lockstep.Kernels;

/// <summary>Time and allocation of a step's parts, 4 MB and 64 MB of parameters in two slots.</summary>
[MemoryDiagnoser]
public class KernelBenchmarks
{
    private StepKernels _kernels = null!;
    private float[] _from = [];
    private float[] _to = [];

    [Params(1 << 20, 1 << 24)]
    public int Elements { get; set; }

    [GlobalSetup]
    public void Create()
    {
        (_from, _to) = (new float[Elements], new float[Elements]);
        _kernels = new StepKernels(Elements, slots: 2);
        // Two steps: the first has no ranges yet.
        for (int step = 0; step < 2; step++)
        {
            _kernels.Encode();
            _kernels.Add();
            _kernels.Update();
        }

        _kernels.Encode();
        _kernels.Write();
    }

    /// <summary>The floor: every part reads or writes all of the parameters.</summary>
    [Benchmark(Baseline = true)]
    public void Copy() => _from.CopyTo(_to, 0);

    [Benchmark]
    public void Encode() => _kernels.Encode();

    [IterationSetup(Target = nameof(Add))]
    public void BeforeAdd() => _kernels.Encode();

    [Benchmark]
    public void Add() => _kernels.Add();

    [IterationCleanup(Target = nameof(Add))]
    public void AfterAdd() => _kernels.Update();

    [IterationSetup(Targets = [nameof(Update), nameof(UpdateOnTwoThreads)])]
    public void BeforeUpdate()
    {
        _kernels.Encode();
        _kernels.Add();
    }

    [Benchmark]
    public void Update() => _kernels.Update();

    [Benchmark]
    public void UpdateOnTwoThreads() => _kernels.Update(threads: 2);

    [Benchmark]
    public void Write() => _kernels.Write();

    [Benchmark]
    public void Read() => _kernels.Read();
}
