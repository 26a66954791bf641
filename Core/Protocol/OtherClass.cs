namespace Lockstep.Core.Protocol;

/// <summary>What is said where a run was computed in another determinism class than it would go on in.</summary>
public static class OtherClass
{
    public const string Remedy = "Go on on a machine of that class: the same kind of processor, build, and settings such as ATEN_CPU_CAPABILITY. Or accept it by name with --accept-class: the ledger then says which class each part is of, and what it has beyond the checkpoint is set aside.";

    /// <param name="what">The beginning of a sentence, such as "The checkpoint of step 3".</param>
    public static string Problem(string what, string theirs, string ours) => $"{what} was computed in the determinism class '{theirs}', and this machine computes in '{ours}': the bits would differ.";
}
