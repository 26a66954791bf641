using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;

namespace Lockstep.Worker.Loop;

/// <summary>How a job is trained: what all its workers agree on before the first step.</summary>
/// <param name="Sampler">Which training samples belong to which slot of which step.</param>
/// <param name="Layout">Where each shard's chunks lie in the flat model vector.</param>
internal sealed record TrainingPlan(JobDescriptor Descriptor, StepSampler Sampler, ModelLayout Layout);
