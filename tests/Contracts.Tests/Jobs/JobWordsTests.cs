using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobWordsTests
{
    [Fact]
    public void The_words_of_job_files_stay()
    {
        Assert.Equal(["linear", "conv2d", "max-pool2d", "avg-pool2d", "batch-norm", "layer-norm", "dropout", "flatten", "relu", "gelu", "tanh", "sigmoid", "softmax", "residual", "parallel", "embedding", "category-embedding", "positional-encoding", "multi-head-attention", "transformer-encoder", "conv1d", "lstm", "gru", "global-avg-pool", "batch-norm1d", "group-norm"], JobWords.All<LayerKind>());
        Assert.Equal(["mse", "mae", "cross-entropy", "binary-cross-entropy", "model", "huber"], JobWords.All<LossKind>());
        Assert.Equal(["accuracy", "mae", "rmse", "auc", "f1", "precision", "recall", "confusion", "r2", "mape", "top-k", "perplexity", "recall-at-precision"], JobWords.All<MetricKind>());
        Assert.Equal(["csv", "idx", "source", "text", "json-lines", "parquet", "images"], JobWords.All<DataFormat>());
        Assert.Equal(["refuse", "mean", "median", "zero"], JobWords.All<MissingPolicy>());
        Assert.Equal(["none", "standard", "min-max"], JobWords.All<NormalizationKind>());
        Assert.Equal(["sgd", "adam", "adamw", "adagrad"], JobWords.All<OptimizerKind>());
        Assert.Equal(["constant", "step", "cosine", "cosine-restarts", "one-cycle"], JobWords.All<ScheduleKind>());
    }

    [Fact]
    public void A_word_is_parsed_back_to_its_value()
    {
        Assert.All(Enum.GetValues<LayerKind>(), kind => Assert.Equal(kind, JobWords.Parse<LayerKind>(JobWords.Of(kind))));
        Assert.All(Enum.GetValues<OptimizerKind>(), kind => Assert.Equal(kind, JobWords.Parse<OptimizerKind>(JobWords.Of(kind))));
    }

    [Theory]
    [InlineData("Adam")]
    [InlineData("adam-w")]
    [InlineData("")]
    [InlineData("2")]
    public void Another_word_is_refused_with_those_there_are(string word) =>
        Assert.StartsWith($"'{word}' is none of sgd, adam, adamw, adagrad.", Assert.Throws<ArgumentException>(() => JobWords.Parse<OptimizerKind>(word)).Message, StringComparison.Ordinal);
}
