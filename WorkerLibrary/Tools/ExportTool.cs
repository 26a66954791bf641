using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Tools;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>Writes a model file as ONNX.</summary>
internal sealed class ExportTool(ExportRequest request, ComponentCatalog catalog, TextWriter output)
{
    /// <exception cref="InputException">The model cannot be read or has no graph, or the file cannot be written.</exception>
    public int Run()
    {
        var stored = new StoredModel(request.Model);
        using NeuralModel model = stored.Build(stored.Fields, catalog, request.Model);
        byte[] onnx = model.ToOnnx(stored.Metadata);
        WholeFile.WriteBytes(request.Onnx, "--onnx", file => file.Write(onnx));
        output.WriteLine($"{Amount.Of(onnx.Length, "byte")}: {request.Onnx}");
        return 0;
    }
}
