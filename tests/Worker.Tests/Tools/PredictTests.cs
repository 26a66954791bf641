using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Layout;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>What a model says of data, by our own tool and by the reader in docs/model-file.md.</summary>
[Collection(SharedTorch.Generator)]
public sealed class PredictTests : IDisposable
{
    private const int Rows = 60;

    private readonly TemporaryFolder _folder = new();

    private string Model => In("model.safetensors");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cross-entropy", "kind", "Bär")]
    [InlineData("binary-cross-entropy", "sign", "no")]
    public void Classes_are_named_and_their_probabilities_add_up(string loss, string label, string aClass)
    {
        string data = WriteData();
        Train(loss, label, data);

        string[][] lines = Predict(data);

        Assert.Equal("prediction", lines[0][0]);
        Assert.Contains($"probability_{aClass}", lines[0]);
        Assert.Equal(Rows + 1, lines.Length);
        foreach (string[] line in lines[1..])
        {
            double[] probabilities = [.. line[1..].Select(Number)];
            Assert.Equal(1, probabilities.Sum(), 1e-5);
            Assert.Equal($"probability_{line[0]}", lines[0][1 + Array.IndexOf(probabilities, probabilities.Max())]);
        }

        // The same classes as evaluate counts.
        string[] labels = [.. File.ReadLines(data).Skip(1).Select(row => row.Split(',')[label == "kind" ? 4 : 5])];
        double accuracy = lines[1..].Zip(labels).Count(pair => pair.First[0] == pair.Second) / (double)Rows;
        using var output = new StringWriter();
        Assert.Equal(0, new EvaluateTool(new EvaluateRequest(Model, data, null, In("cache"), Json: true), ComponentCatalog.Empty, output).Run(Token));
        using JsonDocument evaluated = JsonDocument.Parse(output.ToString());
        Assert.Equal(accuracy, evaluated.RootElement.GetProperty("metrics").GetProperty("accuracy").GetDouble(), 1e-9);
        Assert.InRange(accuracy, 0.6, 1);
    }

    [Fact]
    public void Labels_make_no_difference_nor_does_the_order_of_columns()
    {
        string data = WriteData();
        Train("cross-entropy", "kind", data);
        string bare = In("bare.csv");
        File.WriteAllLines(bare, File.ReadLines(data).Select(row => row.Split(',')).Select(row => string.Join(',', row[3], row[1], row[0], row[2])));
        string wrong = In("wrong.csv");
        File.WriteAllLines(wrong, File.ReadLines(data).Select((row, i) => i == 0 ? row : string.Join(',', [.. row.Split(',')[..4], "unheard of", ""])));

        string[][] expected = Predict(data);

        Assert.Equal(expected, Predict(bare));
        Assert.Equal(expected, Predict(wrong));
    }

    [Fact]
    public void Numbers_have_a_column_each()
    {
        string data = WriteData();
        Train("mse", "time, weight", data);

        string[][] lines = Predict(data, In("predicted.csv"));

        Assert.Equal(["prediction_time", "prediction_weight"], lines[0]);
        Assert.Equal(Rows + 1, lines.Length);
        Assert.True(lines[1..].Select(line => line[0]).Distinct().Count() > Rows / 2);
    }

    [Fact]
    public void What_does_not_fit_the_model_is_told()
    {
        string data = WriteData();
        Train("cross-entropy", "kind", data);
        string other = In("other.csv");
        File.WriteAllLines(other, File.ReadLines(data).Select(row => row.Replace("red", "purple", StringComparison.Ordinal).Replace("size", "height", StringComparison.Ordinal)));

        InputException refusal = Assert.Throws<InputException>(() => Predict(other));

        Assert.Contains("There is no column 'size'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be written", Assert.Throws<InputException>(() => Predict(data, In("missing/predicted.csv"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_reader_in_the_documentation_says_the_same()
    {
        string data = WriteData();
        Train("cross-entropy", "kind", data);
        string[] documented = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "model-file.md"));
        string script = In("reader.py");
        File.WriteAllLines(script, documented.SkipWhile(line => line != "```python").Skip(1).TakeWhile(line => line != "```"));

        string[] lines = Python(script, Model, data);

        string[][] ours = Predict(data)[1..];
        Assert.Equal(ours.Length, lines.Length);
        foreach ((string[] our, string line) in ours.Zip(lines))
        {
            double[] theirs = Predictor.Probabilities([.. line.Split(' ').Select(text => (float)Number(text))]);
            Assert.Equal(our.Length - 1, theirs.Length);
            Assert.All(our[1..].Zip(theirs), pair => Assert.Equal(Number(pair.First), pair.Second, 1e-5));
        }
    }

    private string In(string name) => Path.Combine(_folder.Path, name);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static string[] Python(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("python3", [script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Assert.Skip($"There is no python3 here, and the reader in docs/model-file.md was not run: {exception.Message}");
            throw;
        }

        using (process)
        {
            Task<string> error = process.StandardError.ReadToEndAsync(Token);
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, error.Result);
            return output.Trim().Split('\n');
        }
    }

    private string[][] Predict(string data, string? file = null)
    {
        using var output = new StringWriter();
        Assert.Equal(0, new PredictTool(new PredictRequest(Model, data, file, In("cache")), ComponentCatalog.Empty, output).Run(Token));
        if (file is not null)
        {
            Assert.Equal($"{Rows} predictions: {file}", output.ToString().Trim());
        }

        return [.. (file is null ? output.ToString() : File.ReadAllText(file)).Trim().Split(Environment.NewLine).Select(line => line.Split(','))];
    }

    /// <summary>A short training in this process, and the file of its model.</summary>
    private void Train(string loss, string labels, string data)
    {
        string[] features = [.. new[] { "time", "size", "weight", "colour" }.Except(labels.Split(", "))];
        JobSpec spec = JobFile.Parse($$"""
            name: predicted
            data:
              format: csv
              train: {{data}}
              features: [{{string.Join(", ", features)}}]
              labels: [{{labels}}]
              categories: [colour]
              missing: mean
              normalize: standard
            model:
              layers: [{ kind: linear, out: 16 }, batch-norm, relu, { kind: dropout, p: 0.2 }, linear]
            loss: {{loss}}
            metrics: [{{(loss == "mse" ? "mae" : "accuracy")}}]
            optimizer: { kind: adam, learningRate: 0.02 }
            steps: 40
            globalBatch: 60
            slots: 2
            """, "job.yaml", _folder.Path, []);
        using PreparedJob job = PreparedJob.Prepare(spec, "job", new RunFolder(In("run")), null, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, Token);
        var replay = new StepReplay(job, null);
        while (replay.Version < 40)
        {
            replay.Step(Token);
        }

        float[] model = replay.Model;
        int at = 0;
        var tensors = new List<NamedTensor>();
        foreach (TensorSpec tensor in job.Plan.Descriptor.Tensors)
        {
            tensors.Add(new NamedTensor(tensor.Name, tensor.Shape, model[at..(at += (int)tensor.Elements)]));
        }

        SafeTensors.Write(Model, tensors, job.Plan.Descriptor.ModelMetadata);
    }

    /// <summary>Rows whose kind follows from their time and colour: times that float32 cannot tell apart, values that are missing, texts beyond ASCII.</summary>
    private string WriteData()
    {
        var random = new Random(2);
        string[] colours = ["red", "green", "grün", "a=b"];
        string path = In("rows.csv");
        File.WriteAllLines(path, Enumerable.Range(0, Rows).Select(row =>
        {
            int colour = random.Next(colours.Length);
            int second = random.Next(60);
            string size = row % 7 == 3 ? "NA" : (random.NextDouble() * 10).ToString("R", CultureInfo.InvariantCulture);
            string kind = colour == 0 ? "Bär" : second < 30 ? "cat" : "dog";
            return string.Join(',', (1_700_000_000 + second).ToString(CultureInfo.InvariantCulture), size, (-random.NextDouble()).ToString("R", CultureInfo.InvariantCulture), colours[colour], kind, second < 30 ? "no" : "yes");
        }).Prepend("time,size,weight,colour,kind,sign"));
        return path;
    }
}
