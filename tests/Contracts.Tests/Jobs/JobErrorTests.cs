using System.Diagnostics;
using System.Text;
using CsCheck;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobErrorTests
{
    [Theory]
    // Values of the wrong kind.
    [InlineData("loss: mse", "loss: msee", 8, "'loss' is 'msee'.", "Give one of mse, mae, cross-entropy, binary-cross-entropy, model, huber.")]
    [InlineData("loss: mse", "loss: [mse]", 8, "'loss' is a list.", "Give one of mse")]
    [InlineData("loss: mse", "loss: {kind: mse}", 8, "'loss' is a map.", "Give one of mse")]
    [InlineData("epochs: 1", "epochs: many", 9, "'epochs' is 'many'.", "Give a whole number, 1 or more and at most 1000000.")]
    [InlineData("epochs: 1", "epochs: 1.5", 9, "'epochs' is '1.5'.", "Give a whole number")]
    [InlineData("epochs: 1", "epochs: '1'", 9, "'epochs' is '1'.", "Give a whole number")]
    [InlineData("labels: [y]", "labels: {y: 1}", 7, "'labels' is a map.", "Give a list of names.")]
    [InlineData("labels: [y]", "labels: [[y]]", 7, "'labels' is a list.", "Give a text.")]
    [InlineData("train: data.csv", "train: ''", 6, "'train' is ''.", "Give a text.")]
    [InlineData("train: data.csv", "train: \"a\\0b\"", 6, "'train' is 'a\\u0000b'.", "Give a text.")]
    [InlineData("labels: [y]", "labels: [y]\n  header: 1", 8, "'header' is '1'.", "Give true or false.")]
    [InlineData("labels: [y]", "labels: [y]\n  delimiter: '||'", 8, "'delimiter' is '||'.", "csv: what separates columns: a tab, a space or a sign of ASCII, no quote.")]
    [InlineData("labels: [y]", "labels: [y]\n  delimiter: \";\\n\"", 8, "'delimiter' is ';\\u000A'.", "csv: what separates columns: a tab, a space or a sign of ASCII, no quote.")]
    [InlineData("  preset: mlp", "  mlp", 3, "'model' must be a map of preset, hidden, depth, width, heads, dropout, input, layers, name, torchscript, options, metrics, weights, weightNames, strict.", "Write it as keys and values, one a line.")]
    [InlineData("  preset: mlp", "  preset: rnn", 3, "'preset' is 'rnn'.", "Give one of mlp, cnn, resnet, transformer, tabular.")]
    [InlineData("name: test", "name: Test", 1, "'name' is 'Test'.", "lower-case letters, digits and dashes, at most 40")]
    [InlineData("name: test", "name: \"test\\n\"", 1, "'name' is 'test\\u000A'.", "lower-case letters, digits and dashes, at most 40")]
    [InlineData("name: test", "name: a2345678901234567890123456789012345678901", 1, "'name' is 'a2345678901234567890123456789012345678901'.", "at most 40")]
    // Values that cannot be.
    [InlineData("epochs: 1", "epochs: 0", 9, "'epochs' is '0'.", "Give a whole number, 1 or more")]
    [InlineData("epochs: 1", "epochs: 99999999999999999999999999999999", 9, "'epochs' is '99999999999999999999999999999999'.", "at most 1000000")]
    [InlineData("epochs: 1", "epochs: 1\nworkers: {min: 0}", 10, "'min' is '0'.", "Give a whole number, 1 or more")]
    [InlineData("epochs: 1", "epochs: 1\nseed: -1", 10, "'seed' is '-1'.", "Give a whole number, 0 or more")]
    [InlineData("epochs: 1", "epochs: 1\nseed: 18446744073709551616", 10, "'seed' is '18446744073709551616'.", "at most 1.8446744073709552E+19")]
    [InlineData("epochs: 1", "epochs: 1\nslots: 65537", 10, "'slots' is '65537'.", "at most 65536")]
    [InlineData("epochs: 1", "epochs: 1\ncontribution: 24", 10, "'contribution' is '24'.", "Give 16 or 32.")]
    [InlineData("epochs: 1", "epochs: 1\ncontribution: bfloat16", 10, "'contribution' is 'bfloat16'.", "Give 16 or 32.")]
    [InlineData("epochs: 1", "epochs: 1\npull: 16", 10, "'pull' is '16'.", "Give one of float32, bfloat16.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {learningRate: 0}", 10, "'learningRate' is '0'.", "Give a number, above 0 and at most 1000000.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {learningRate: .nan}", 10, "'learningRate' is '.nan'.", "Give a number")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {learningRate: NaN}", 10, "'learningRate' is 'NaN'.", "Give a number")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {beta1: 1}", 10, "'beta1' is '1'.", "0 or more and below 1.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {clipNorm: -1}", 10, "'clipNorm' is '-1'.", "Give a number, above 0.")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 1", 8, "'split' is '1'.", "above 0 and below 1")]
    [InlineData("labels: [y]", "labels: []", 7, "'labels' is an empty list.", "Give at least one: tables, also of images: one column for classes")]
    [InlineData("preset: mlp", "layers: []", 3, "'layers' is an empty list.", "Give at least one: Layers in order")]
    [InlineData("preset: mlp", "preset: mlp\n  input: []", 4, "'input' is an empty list.", "Give at least one: Shape of one sample")]
    [InlineData("epochs: 1", "epochs: 1\nmetrics: [accuracy, f2]", 10, "'metrics' is 'f2'.", "Give one of accuracy, mae, rmse, auc, f1, precision, recall, confusion, r2, mape, top-k, perplexity, recall-at-precision.")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights: even", 9, "'classWeights' is 'even'.", "Give balanced, or a map of class and number, above 0 and at most 1000000.")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights: [1, 2]", 9, "'classWeights' is a list.", "Give balanced, or a map of class and number")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights:\n  a: 1\n  b: 0", 11, "'b' is '0'.", "Give a number, above 0 and at most 1000000.")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights:\n  a: 1\n  a: 2", 11, "'a' is there twice.", "Keep one.")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights: {a: [1]}", 9, "'a' is a list.", "Give a number")]
    [InlineData("loss: mse", "loss: mse\nclassWeights: balanced", 9, "The loss mse takes numbers, which have no classes.", "Remove 'classWeights', or take the loss cross-entropy.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]\nloss: mse", "source: mine\nloss: cross-entropy\nclassWeights: balanced", 7, "A data source of one's own does not say how many samples each class has, which balanced class weights go by.", "Give a map of class and number.")]
    [InlineData("preset: mlp\ndata:\n  format: csv\n  train: data.csv\n  labels: [y]\nloss: mse", "name: net\ndata:\n  source: mine\nloss: model\nclassWeights: {a: 2}", 7, "The loss 'model' is the model's own, which weighs its samples itself.", "Remove 'classWeights', or take the loss cross-entropy.")]
    [InlineData("epochs: 1", "epochs: 1\nmetrics: [mae, mae]", 10, "A metric is named twice.", "Name each once.")]
    [InlineData("epochs: 1", "epochs: 1\nschedule: {kind: step, stepSize: 1, gamma: 11}", 10, "'gamma' is '11'.", "Give a number, above 0 and at most 10.")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: {metric: accuracy}", 9, "'accuracy' is not measured.", "Add it to 'metrics', or take one that is there, or the loss.")]
    [InlineData("labels: [y]", "labels: [y]\nbest: {metric: loss}", 8, "Without validation data no version is better than another.", "Give the data a 'validation' or a 'split'")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: {metric: confusion}\nmetrics: [confusion]", 9, "'confusion' is no number, and of two tables none is better.", "Take a metric that is a number, or the loss.")]
    [InlineData("preset: mlp\ndata:\n  format: csv\n  train: data.csv\n  labels: [y]\nloss: mse", "name: net\n  metrics: [distance]\ndata:\n  source: mine\n  validation: held\nloss: model\nbest: {metric: distance}", 9, "'distance' is the model's own, and nothing says what is better of it.", "Give 'mode' too, min or max.")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: {metric: loss, patience: 0}", 9, "'patience' is '0'.", "Give a whole number, 1 or more")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: {metric: loss, minDelta: 0.1}", 9, "'minDelta' belongs to 'patience'.", "Give 'patience' too, or remove it.")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: {mode: max}", 9, "'metric' is missing in 'best'.", "")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.2\nbest: loss", 9, "'best' must be a map of metric, mode, patience, minDelta.", "Write it as keys and values, one a line.")]
    // Keys.
    [InlineData("loss: mse", "los: mse", 8, "There is no key 'los'.", "Did you mean 'loss'?")]
    [InlineData("loss: mse", "LOSS: mse", 8, "There is no key 'LOSS'.", "Did you mean 'loss'?")]
    [InlineData("epochs: 1", "epochs: 1\nglobal_batch: 8", 10, "There is no key 'global_batch'.", "Did you mean 'globalBatch'?")]
    [InlineData("epochs: 1", "epochs: 1\nfrobnicate: 8", 10, "There is no key 'frobnicate'.", "The keys are name, model, data, loss, lossOptions, metrics, topK, atPrecision, best, classWeights, optimizer,")]
    [InlineData("train: data.csv", "train: data.csv\n  labls: [y]", 7, "There is no key 'labls' in 'data'.", "Did you mean 'labels'?")]
    [InlineData("preset: mlp", "layers:\n  - kind: dropout\n    q: 0.5", 5, "There is no key 'q' in 'layer'.", "The keys are kind, out, kernel, stride, padding, p,")]
    [InlineData("epochs: 1", "epochs: 1\nepochs: 2", 10, "'epochs' is there twice.", "Keep one.")]
    [InlineData("  train: data.csv\n", "", 5, "'train' is missing in 'data'.", "Give a list of paths: The file or files")]
    [InlineData("name: test\n", "", 1, "'name' is missing.", "Give a text: Name of the job")]
    [InlineData("name: test\n", "name:\n", 1, "'name' is missing.", "Give a text: Name of the job")]
    [InlineData("loss: mse\n", "", 1, "'loss' is missing.", "Give one of mse")]
    // Layers.
    [InlineData("preset: mlp", "layers: [relu, linaer]", 3, "'kind' is 'linaer'.", "Give one of linear, conv2d,")]
    [InlineData("preset: mlp", "layers:\n  - [relu]", 4, "A layer is no list.", "Write its kind, or a map of kind and its keys.")]
    [InlineData("preset: mlp", "layers:\n  - out: 3", 4, "'kind' is missing in 'layer'.", "Give one of linear, conv2d,")]
    [InlineData("preset: mlp", "layers:\n  - kind: linear\n    kernel: 3", 5, "A linear layer has no 'kernel'.", "It has out, bias.")]
    [InlineData("preset: mlp", "layers:\n  - kind: relu\n    p: 0.5", 5, "A relu layer has no 'p'.", "Remove it.")]
    [InlineData("preset: mlp", "layers:\n  - kind: dropout\n    p: 1", 5, "'p' is '1'.", "0 or more and below 1.")]
    // What concerns several keys.
    [InlineData("  preset: mlp", "  {}", 3, "The model has neither a preset nor layers nor a name nor a TorchScript file.", "Give one of them.")]
    [InlineData("preset: mlp", "torchscript: net.pt\n  preset: mlp", 4, "The model has both a preset and torchscript.", "Give one of them.")]
    [InlineData("preset: mlp", "torchscript: net.pt\n  input: [4]", 4, "'input' does not go with a model of one's own.", "Remove it: the TorchScript file says what the model is.")]
    [InlineData("preset: mlp", "torchscript: s3://bucket/net.pt", 3, "'s3://bucket/net.pt' is no path: 'torchscript' is read from a file.", "Copy it, and name the copy.")]
    [InlineData("preset: mlp", "input: [4]", 3, "The model has neither a preset nor layers nor a name nor a TorchScript file.", "Give one of them.")]
    [InlineData("preset: mlp", "layers: [relu]\n  preset: mlp", 4, "The model has both a preset and layers.", "Give one of them.")]
    [InlineData("preset: mlp", "options: {a: 1}\n  preset: mlp", 3, "'options' belongs to 'name', which the model does not have.", "Remove it, or give 'name'.")]
    [InlineData("preset: mlp", "name: net\n  input: [4]", 4, "'input' does not go with a model of one's own.", "Remove it, or give it among the 'options'.")]
    [InlineData("preset: mlp", "name: net\n  options: {a: [1]}", 4, "'a' in 'options' is no single value.", "Give a text, a number, true or false.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "source: mine\n  normalize: standard", 6, "'normalize' does not go with a source of one's own, which prepares its data itself.", "Remove it, or give it among the 'options'.")]
    [InlineData("loss: mse", "loss: model", 8, "The loss 'model' is that of a model of one's own, and the job names none.", "Take another loss, or give 'model.name'.")]
    [InlineData("preset: mlp", "preset: cnn\n  hidden: [3]", 4, "'hidden' belongs to the presets mlp and tabular.", "Remove it, or set preset: mlp.")]
    [InlineData("preset: mlp", "preset: resnet\n  heads: 3", 4, "'heads' belongs to the preset transformer.", "Remove it, or set preset: transformer.")]
    [InlineData("preset: mlp", "name: net\n  width: 4", 4, "'width' does not go with a model of one's own.", "Remove it, or give it among the 'options'.")]
    [InlineData("preset: mlp", "layers:\n  - kind: lstm\n    depth: 2", 4, "A lstm layer needs 'out'.", "Give a whole number")]
    [InlineData("preset: mlp", "layers:\n  - relu\n  - residual", 5, "A residual layer needs 'layers'.", "Give a list of layers: residual: what is added")]
    [InlineData("preset: mlp", "layers:\n  - kind: residual\n    layers:\n      - kind: linear\n        kernel: 3", 7, "A linear layer has no 'kernel'.", "It has out, bias.")]
    [InlineData("preset: mlp", "layers:\n  - kind: parallel\n    branches:\n      - [relu]\n      - - tanh\n        - kind: gelu\n          out: 3", 9, "A gelu layer has no 'out'.", "Remove it.")]
    [InlineData("preset: mlp", "layers:\n  - kind: parallel\n    branches: {a: [relu]}", 5, "'branches' is a map.", "Give a list of rows of layers.")]
    [InlineData("preset: mlp", "layers:\n  - kind: residual\n    layers: []", 5, "'layers' is an empty list.", "Give at least one")]
    [InlineData("loss: mse", "loss: mse\nschedule: {kind: one-cycle, warmupSteps: 3}", 9, "The schedule one-cycle has no 'warmupSteps'.", "Remove it, or name the 'kind' that it belongs to.")]
    [InlineData("loss: mse", "loss: mse\nschedule: {kind: cosine-restarts}", 9, "The schedule 'cosine-restarts' has no 'cycleSteps'.", "Give the number of steps of the first fall.")]
    [InlineData("labels: [y]", "labels: [y]\n  split: 0.5\nbest: {metric: loss}\noptimizer: {averageDecay: 0.9}", 9, "The best version is found by its newest values", "Remove 'best'")]
    [InlineData("loss: mse", "loss: mse\noptimizer: {exported: last}", 9, "'exported' belongs to 'averageDecay', which the optimizer does not have.", "Remove it, or give 'averageDecay'.")]
    [InlineData("loss: mse", "loss: mse\noptimizer: {groups: [{rate: 2}]}", 9, "'names' is missing in 'groups'.", "Give a list of names")]
    [InlineData("loss: mse", "loss: mse\noptimizer: {groups: {names: [a]}}", 9, "'groups' is a map.", "Give a list of maps of names, rate, weightDecay.")]
    [InlineData("loss: mse", "loss: mse\nlossOptions: {focal: 2}", 9, "The loss mse has no 'focal'.", "Remove it, or take the loss that it belongs to.")]
    [InlineData("loss: mse", "loss: cross-entropy\nlossOptions: {posWeight: 2}", 9, "The loss cross-entropy has no 'posWeight'.", "Remove it, or take the loss that it belongs to.")]
    [InlineData("loss: mse", "loss: huber\nlossOptions: {delta: 0}", 9, "'delta' is '0'.", "Give a number, above 0")]
    [InlineData("loss: mse", "loss: binary-cross-entropy\natPrecision: 0.5", 9, "'atPrecision' belongs to the metric recall-at-precision, which is not measured.", "Remove it, or name recall-at-precision in 'metrics'.")]
    [InlineData("loss: mse", "loss: cross-entropy\ntopK: 3", 9, "'topK' belongs to the metric top-k, which is not measured.", "Remove it, or name top-k in 'metrics'.")]
    [InlineData("epochs: 1\n", "", 1, "Neither 'epochs' nor 'steps' is given.", "Give one of the two.")]
    [InlineData("epochs: 1", "steps: 7\nepochs: 1", 10, "Both 'epochs' and 'steps' are given.", "Give one of the two.")]
    [InlineData("epochs: 1", "epochs: 1\nslots: 65", 10, "65 slots cannot share a global batch of 64 samples.", "Lower 'slots' or raise 'globalBatch'.")]
    [InlineData("epochs: 1", "epochs: 1\nglobalBatch: 7", 10, "8 slots cannot share a global batch of 7 samples.", "Lower 'slots' or raise 'globalBatch'.")]
    [InlineData("epochs: 1", "epochs: 1\nworkers: {max: 2, min: 3}", 10, "At least 3 workers and at most 2 cannot be.", "Make 'min' at most 'max'.")]
    [InlineData("labels: [y]", "labels: [y]\n  validation: v.csv\n  split: 0.2", 9, "The data have both 'validation' and 'split'.", "Keep one of the two.")]
    [InlineData("labels: [y]", "labels: [y]\n  trainLabels: l", 8, "'trainLabels' does not go with the format csv.", "Remove it.")]
    [InlineData("  labels: [y]\n", "", 5, "'labels' is missing in 'data'.", "Name the column or columns that are predicted.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: idx\n  train: i", 5, "'trainLabels' is missing in 'data'.", "Give the idx file of the labels.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: idx\n  train: i\n  trainLabels: l\n  header: true", 8, "'header' does not go with the format idx.", "Remove it.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: idx\n  train: i\n  trainLabels: l\n  validation: v", 8, "'validation' and 'validationLabels' go together.", "Give both or none.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: images\n  train: t", 5, "'image' is missing in 'data'.", "Give a map with the 'shape'")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: images\n  train: t\n  image: {shape: [2, 8, 8]}", 7, "An image's 'shape' is [2, 8, 8].", "Give [channels, height, width]")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: parquet\n  train: t", 5, "'labels' is missing in 'data'.", "Name the column or columns that are predicted.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: json-lines\n  train: t\n  labels: [y]\n  decimal: \".\"", 8, "'decimal' does not go with the format json-lines.", "Remove it.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: idx\n  train: [i, j]\n  trainLabels: l", 7, "'train' names 2 files of images, and 'trainLabels' 1 of labels.", "Name one for each")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t", 5, "'text' is missing in 'data'.", "Give a map with the 'length'")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t\n  text: {stride: 3}", 7, "'length' is missing in 'text'.", "Give a whole number")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t\n  text: {length: 8, vocabulary: v}", 7, "The tokenizer 'characters' takes no 'vocabulary'", "Remove it")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t\n  text: {length: 8, tokenizer: word-piece}", 7, "The tokenizer 'word-piece' has no 'vocabulary'.", "Name the tokenizer's file.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t\n  text: {length: 8, tokenizer: bpe, vocabulary: v}", 7, "The tokenizer 'bpe' has no 'merges'.", "Name its file merges.txt.")]
    [InlineData("format: csv\n  train: data.csv\n  labels: [y]", "format: text\n  train: t\n  split: 0.1\n  text: {length: 8, stride: 4}", 7, "Samples of 8 tokens that begin every 4 overlap: what is held out would be trained on.", "Remove 'stride'")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer:\n  momentum: 0.9", 11, "The optimizer adam has no 'momentum'.", "Remove it.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer:\n  kind: sgd\n  beta1: 0.9", 12, "The optimizer sgd has no 'beta1'.", "Remove it.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer:\n  kind: adagrad\n  momentum: 0.9", 12, "The optimizer adagrad has no 'momentum'.", "Remove it.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer:\n  kind: sgd\n  nesterov: true", 12, "Nesterov's method needs a momentum.", "Set 'momentum', for example 0.9.")]
    [InlineData("epochs: 1", "epochs: 1\nschedule: {kind: step}", 10, "The schedule 'step' has no 'stepSize'.", "Give the number of steps")]
    [InlineData("epochs: 1", "epochs: 1\nschedule:\n  stepSize: 10", 11, "The schedule constant has no 'stepSize'.", "Remove it, or name the 'kind'")]
    [InlineData("epochs: 1", "epochs: 1\nschedule:\n  kind: cosine\n  gamma: 0.5", 12, "The schedule cosine has no 'gamma'.", "Remove it, or name the 'kind'")]
    // Text that is no job at all.
    [InlineData("name: test", "name: [test", 1, "This is no YAML", "Correct the line")]
    [InlineData("name: test", "name: *a", 1, "Anchors and aliases are not supported.", "Write the value out.")]
    [InlineData("name: test", "[name]: test", 1, "A key is no text.", "Write key: value.")]
    [InlineData("epochs: 1", "epochs: 1\n---\nname: other", 10, "A second document begins.", "Keep one job a file.")]
    public void Says_what_is_wrong_where_and_what_to_do(string part, string replacement, int line, string message, string remedy)
    {
        InputError error = Assert.Single(JobText.Errors(JobText.Changed(part, replacement)));
        Assert.Equal((JobText.File, line), (error.File, error.Line));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
        Assert.StartsWith($"job.yaml:{line}: ", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Says_all_that_is_wrong_at_once_in_the_order_of_lines()
    {
        const string Text = """
            name: Bad Name
            model:
              preset: mlp
              hidden: [8, zero]
              laters: []
            data:
              format: csv
              train: data.csv
              labels: [y]
              split: 2
            loss: squared
            optimizer:
              kind: sgd
              beta1: 0.5
            epochs: 1
            steps: 1
            slots: 9
            globalBatch: 8

            """;
        int[] lines = [.. JobText.Errors(Text).Select(e => e.Line)];
        Assert.Equal([1, 4, 5, 10, 11, 14, 15, 17], lines);
    }

    [Theory]
    [InlineData("format: csv", "format: cvs", "'format' is 'cvs'.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {kind: sdg, momentum: 0.9}", "'kind' is 'sdg'.")]
    [InlineData("epochs: 1", "epochs: 1\noptimizer: {kind: sgd, momentum: 2, nesterov: true}", "'momentum' is '2'.")]
    [InlineData("epochs: 1", "epochs: 1\nschedule: {kind: stepp, stepSize: 2}", "'kind' is 'stepp'.")]
    [InlineData("preset: mlp", "preset: mpl\n  hidden: [3]", "'preset' is 'mpl'.")]
    [InlineData("epochs: 1", "epochs: 1\nglobalBatch: 0\nslots: 100", "'globalBatch' is '0'.")]
    public void One_mistake_is_one_error(string part, string replacement, string message) =>
        Assert.Equal(message, Assert.Single(JobText.Errors(JobText.Changed(part, replacement))).Message);

    [Theory]
    [InlineData("")]
    [InlineData("# nothing")]
    public void Says_that_a_file_is_empty(string text) =>
        Assert.Equal("The file is empty.", Assert.Single(JobText.Errors(text)).Message);

    [Theory]
    [InlineData("just a word")]
    [InlineData("- a\n- list")]
    public void Says_that_a_job_is_a_map(string text) => Assert.StartsWith("'job' must be a map of name, model,", JobText.Errors(text)[0].Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{\n\"name\": \"test\",\n\"loss\": nope}", 3, "This is no JSON at column 10: 'nope}' is")]
    [InlineData("", 1, "This is no JSON")]
    [InlineData("{\n\"name\": \"\\ud800\"}", 2, "This is no JSON at column 9: ")]
    [InlineData("{\n\"\\ud800\": 1}", 2, "This is no JSON")]
    [InlineData("{} {}", 1, "This is no JSON at column 4: ")]
    public void Says_where_a_text_is_no_JSON(string text, int line, string message)
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() => JobFile.Parse(text, "job.json", JobText.Folder, [])).Errors);
        Assert.Equal(("job.json", line), (error.File, error.Line));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        // The place is told once, in the form of all messages.
        Assert.DoesNotContain("LineNumber", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Path:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Says_where_a_value_of_JSON_is_wrong()
    {
        const string Text = """
            {
              "name": "test", "model": { "preset": "mlp" },
              "data": {
                "format": "csv", "train": "data.csv",
                "labels": ["y"], "split": 3 },
              "loss": "mse",
              "epoch": 1
            }
            """;
        InputError[] errors = [.. Assert.Throws<InputException>(() => JobFile.Parse(Text, "job.json", JobText.Folder, [])).Errors];
        Assert.Equal([(1, "Neither 'epochs' nor 'steps' is given."), (5, "'split' is '3'."), (7, "There is no key 'epoch'.")], errors.Select(e => (e.Line, e.Message)));
    }

    [Fact]
    public void Nesting_without_end_is_refused()
    {
        string deep = new('[', 3000);
        Assert.Contains("nested", JobText.Errors($"name: {deep}")[0].Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => JobFile.Parse(deep, "job.json", JobText.Folder, []));
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() => JobFile.Load(Path.Combine(JobText.Folder, "none.yaml"), [])).Errors);
        Assert.Equal("There is no such job file.", error.Message);
        Assert.EndsWith("none.yaml", error.File, StringComparison.Ordinal);
        Assert.Equal("There is no such job file.", Assert.Single(Assert.Throws<InputException>(() => JobFile.Load("", [])).Errors).Message);
    }

    [Fact]
    public void A_folder_is_no_job_file()
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() => JobFile.Load(Path.GetTempPath(), [])).Errors);
        Assert.StartsWith("The job file cannot be read:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_utf_8_is_refused_with_its_place_and_what_it_is()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Encoding.Latin1.GetBytes("name: a\ndata: { labels: [Größe] }\n"));
            InputError error = Assert.Single(Assert.Throws<InputException>(() => JobFile.Load(path, [])).Errors);
            Assert.Equal((path, 2, "The byte 0xF6 at column 20 is no UTF-8."), (error.File, error.Line, error.Message));
            Assert.Contains("fit iso-8859-1, in which it reads", error.Remedy, StringComparison.Ordinal);
            Assert.Contains("save the file as UTF-8", error.Remedy, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task What_has_no_end_is_no_job_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes and devices are told apart on Linux.");
        InputError device = Assert.Single(Assert.Throws<InputException>(() => JobFile.Load("/dev/zero", [])).Errors);
        Assert.Equal(("/dev/zero", "This is a device, not a file."), (device.File, device.Message));
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-pipe-");
        try
        {
            string pipe = Path.Combine(folder.FullName, "job.yaml");
            using (Process make = Process.Start("mkfifo", pipe))
            {
                await make.WaitForExitAsync(TestContext.Current.CancellationToken);
            }

            Assert.Equal("This is a pipe, not a file.", Assert.Single(Assert.Throws<InputException>(() => JobFile.Load(pipe, [])).Errors).Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Very_many_mistakes_are_told_in_a_message_that_can_be_read()
    {
        IReadOnlyList<InputError> errors = JobText.Errors(JobText.Plain + string.Concat(Enumerable.Range(0, 5000).Select(i => $"key{i}: 1\n")));
        Assert.Equal(101, errors.Count);
        Assert.Contains(errors, e => e.Message == "More than 100 things are wrong.");
    }

    [Fact]
    public void A_tab_is_told_with_its_line()
    {
        InputError error = Assert.Single(JobText.Errors("name: test\ndata:\n\tformat: csv\n"));
        Assert.Equal((3, "Correct the line: YAML is indented by spaces, and this one begins with a tab."), (error.Line, error.Remedy));
    }

    [Fact]
    public void No_control_character_of_a_file_is_in_a_message()
    {
        IReadOnlyList<InputError> errors = JobText.Errors("name: \"\\e]0;x\\a\"\n\"\\u202Eevil\": 1\n");
        Assert.All(errors, e => Assert.DoesNotContain(e.ToString(), c => char.IsControl(c) || c == '\u202E'));
        Assert.Contains(errors, e => e.Message.Contains("\\u001B]0;x\\u0007", StringComparison.Ordinal));
    }

    [Fact]
    public void Any_text_is_a_job_or_refused_and_never_another_exception() => Gen.Select(Mutations, Gen.Bool).Sample((text, json) =>
    {
        try
        {
            JobFile.Parse(text, json ? "job.json" : "job.yaml", JobText.Folder, []);
        }
        catch (InputException exception)
        {
            Assert.NotEmpty(exception.Errors);
            Assert.All(exception.Errors, e => Assert.True(e.Message.Length > 0 && e.Remedy.Length > 0 && e.Line >= 0));
        }
    }, iter: 6000);

    private static readonly Gen<string> Mutations = Gen.Select(
        Gen.OneOf(JobText.Plain, JobRoundTripTests.Json),
        Gen.Select(Gen.Int[0, 400], Gen.Int[0, 3], Gen.OneOf(Gen.String["\"'\\{}[]:,-#&*!|>%@`?~\n\t \0u0xUFdD8"], Gen.String)).Array[1, 4],
        (text, edits) =>
        {
            foreach ((int at, int length, string insert) in edits)
            {
                int from = at % (text.Length + 1);
                text = text.Remove(from, Math.Min(length, text.Length - from)).Insert(from, insert);
            }

            return text;
        });
}
