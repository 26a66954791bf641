using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;

namespace Lockstep.Contracts.Tests;

/// <summary>Numbers that stand in checkpoints and go over the wire are only ever added to.</summary>
public sealed class EnumNumberTests
{
    [Fact]
    public void Numbers_stay()
    {
        Assert.Equal("Sgd=1 Adam=2 AdamW=3 Adagrad=4", Numbers<OptimizerKind>());
        Assert.Equal("Constant=1 Step=2 Cosine=3 CosineRestarts=4 OneCycle=5", Numbers<ScheduleKind>());
        Assert.Equal("Mse=1 Mae=2 CrossEntropy=3 BinaryCrossEntropy=4 Model=5 Huber=6", Numbers<LossKind>());
        Assert.Equal("Accuracy=1 Mae=2 Rmse=3 Auc=4 F1=5 Precision=6 Recall=7 Confusion=8 R2=9 Mape=10 TopK=11 Perplexity=12 RecallAtPrecision=13", Numbers<MetricKind>());
        Assert.Equal("Linear=1 Conv2d=2 MaxPool2d=3 AvgPool2d=4 BatchNorm=5 LayerNorm=6 Dropout=7 Flatten=8 Relu=9 Gelu=10 Tanh=11 Sigmoid=12 Softmax=13 Residual=14 Parallel=15 Embedding=16 CategoryEmbedding=17 PositionalEncoding=18 MultiHeadAttention=19 TransformerEncoder=20 Conv1d=21 Lstm=22 Gru=23 GlobalAvgPool=24 BatchNorm1d=25 GroupNorm=26", Numbers<LayerKind>());
        Assert.Equal("Average=1 Last=2", Numbers<ExportedKind>());
        Assert.Equal("Concat=1 Add=2", Numbers<JoinKind>());
        Assert.Equal("Relu=1 Gelu=2", Numbers<ActivationKind>());
        Assert.Equal("Min=1 Max=2", Numbers<BestMode>());
        Assert.Equal("Float32=1 BFloat16=2", Numbers<PullFormat>());
        Assert.Equal("Csv=1 Idx=2 Source=3 Text=4 JsonLines=5 Parquet=6 Images=7", Numbers<DataFormat>());
        Assert.Equal("Refuse=1 Mean=2 Median=3 Zero=4", Numbers<MissingPolicy>());
        Assert.Equal("None=1 Standard=2 MinMax=3", Numbers<NormalizationKind>());
        Assert.Equal("Kill=1 Stop=2 Drain=3 Add=4 Slow=5 KillShard=6 KillScheduler=7 RestartRedis=8 EmptyRedis=9 Exception=10 NaN=11 FillDisk=12 Drop=13 Duplicate=14 Delay=15 Reorder=16 Partition=17 Scale=18 StopShard=19", Numbers<Lockstep.Contracts.Faults.FaultKind>());
        Assert.Equal("Queued=1 Running=2 Finished=3 Failed=4 Cancelled=5 Paused=6 Waiting=7 Checking=8", Numbers<JobState>());
    }

    private static string Numbers<T>() where T : struct, Enum => string.Join(' ', Enum.GetValues<T>().Select(v => $"{v}={Convert.ToInt32(v, System.Globalization.CultureInfo.InvariantCulture)}"));
}
