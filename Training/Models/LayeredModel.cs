using Lockstep.Abstractions;
using Lockstep.Core.Layout;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A module of a job file's layers. Tensors are named as in a torch Sequential of the same layers: <c>0.weight</c>, <c>0.bias</c>, <c>1.running_mean</c>.</summary>
internal sealed class LayeredModel : Module, ILockstepModel
{
    private readonly LayerRow _row;
    private readonly LayerCall _call;
    private readonly long[] _input;
    private readonly string _inputName;

    /// <summary>Its values are zeros until they are set.</summary>
    /// <param name="inputName">Of the one input.</param>
    public LayeredModel(ModelPlan plan, string inputName) : base("layers")
    {
        (_row, _inputName) = (plan.Row, inputName);
        _input = [-1, .. Shapes.Long(plan.Input)];
        var modules = new Dictionary<string, Module>(StringComparer.Ordinal);
        foreach (Layer layer in plan.Row.Layers.SelectMany(layer => layer.All))
        {
            if (layer.MakeModule() is { } module)
            {
                modules.Add(layer.Path, module);
            }
        }

        var root = new Branch();
        var values = new Tensor[plan.Tensors.Count];
        foreach (LayerTensor tensor in plan.Tensors)
        {
            string path = tensor.Spec.Name;
            int dot = path.LastIndexOf('.');
            values[tensor.Index] = modules.TryGetValue(path[..dot], out Module? module)
                ? root.Take(path[..dot], module).get_parameter(path[(dot + 1)..])!
                : root.Add(path, Make(tensor.Spec));
        }

        foreach ((string path, Module child) in root.named_children())
        {
            register_module(path, child);
        }

        _call = new LayerCall(values, modules);
    }

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs)
    {
        Tensor x = inputs[_inputName];
        if (x.dim() != _input.Length || !x.shape.AsSpan(1).SequenceEqual(_input.AsSpan(1)))
        {
            x = x.view(_input);
        }

        _call.IsTraining = training;
        return ModelOutputs.Of(_row.Forward(_call, x));
    }

    private static Tensor Make(TensorSpec spec)
    {
        Tensor zeros = torch.zeros(Shapes.Long(spec.Shape));
        return (spec.Kind == TensorKind.Parameter ? new Parameter(zeros) : zeros).DetachFromDisposeScope();
    }

    /// <summary>Modules by the parts of their names.</summary>
    private sealed class Branch() : Module("branch")
    {
        private readonly Dictionary<string, Module> _children = new(StringComparer.Ordinal);

        public Tensor Add(string path, Tensor value)
        {
            (Branch owner, string name) = Owner(path);
            if (value is Parameter parameter)
            {
                owner.register_parameter(name, parameter);
            }
            else
            {
                owner.register_buffer(name, value);
            }

            return value;
        }

        /// <summary>Puts a module into its place, where it is not there already.</summary>
        public Module Take(string path, Module module)
        {
            (Branch owner, string name) = Owner(path);
            if (owner._children.TryAdd(name, module))
            {
                owner.register_module(name, module);
            }

            return module;
        }

        private (Branch Owner, string Name) Owner(string path)
        {
            string[] parts = path.Split('.');
            Branch at = this;
            foreach (string part in parts[..^1])
            {
                if (!at._children.TryGetValue(part, out Module? child))
                {
                    child = new Branch();
                    at._children.Add(part, child);
                    at.register_module(part, child);
                }

                at = (Branch)child;
            }

            return (at, parts[^1]);
        }
    }
}
