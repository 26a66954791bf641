namespace Lockstep.TorchPatcher;

/// <summary>What a patch did.</summary>
public enum PatchOutcome { Patched = 1, AlreadyPatched = 2 }
