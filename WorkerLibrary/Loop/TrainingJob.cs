using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;

namespace Lockstep.Worker.Loop;

/// <summary>What all workers of a job agree on.</summary>
/// <param name="Sampler">Which training samples belong to which slot of which step.</param>
/// <param name="Layout">Where each shard's chunks lie in the flat model vector.</param>
internal sealed record TrainingJob(JobDescriptor Descriptor, StepSampler Sampler, ModelLayout Layout);
