using TorchSharp;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests.Layers;

/// <summary>A plain module of torch: a function over modules that have the names of ours.</summary>
internal sealed class Plain : Module<Tensor, Tensor>
{
    private readonly Func<Tensor, Tensor> _function;

    public Plain(Func<Tensor, Tensor> function, params (string Name, Module Module)[] children) : base("plain")
    {
        _function = function;
        foreach ((string name, Module module) in children)
        {
            Branch at = new(this);
            string[] parts = name.Split('.');
            foreach (string part in parts[..^1])
            {
                at = at.Child(part);
            }

            at.Owner.register_module(parts[^1], module);
        }
    }

    public override Tensor forward(Tensor x) => _function(x);

    /// <summary>Modules by the parts of their names.</summary>
    private readonly record struct Branch(Module Owner)
    {
        public Branch Child(string name)
        {
            Module? child = Owner.named_children().FirstOrDefault(pair => pair.name == name).module;
            if (child is null)
            {
                child = new Folder();
                Owner.register_module(name, child);
            }

            return new(child);
        }
    }

    private sealed class Folder() : Module("folder");
}
