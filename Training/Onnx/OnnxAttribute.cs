namespace Lockstep.Training;

/// <summary>A setting of a node; field numbers are those of onnx.proto.</summary>
internal readonly record struct OnnxAttribute
{
    private const int FloatKind = 1;
    private const int WholeKind = 2;
    private const int TextKind = 3;
    private const int WholesKind = 7;

    private readonly string _name;
    private readonly object _value;

    public OnnxAttribute(string name, long value) => (_name, _value) = (name, value);

    public OnnxAttribute(string name, float value) => (_name, _value) = (name, value);

    public OnnxAttribute(string name, string value) => (_name, _value) = (name, value);

    public OnnxAttribute(string name, params long[] values) => (_name, _value) = (name, values);

    public void Write(ProtoWriter writer)
    {
        writer.Text(1, _name);
        switch (_value)
        {
            case float number:
                writer.Float(2, number);
                writer.Whole(20, FloatKind);
                break;
            case long whole:
                writer.Whole(3, whole);
                writer.Whole(20, WholeKind);
                break;
            case string text:
                writer.Text(4, text);
                writer.Whole(20, TextKind);
                break;
            case long[] wholes:
                foreach (long whole in wholes)
                {
                    writer.Whole(8, whole);
                }

                writer.Whole(20, WholesKind);
                break;
        }
    }
}
