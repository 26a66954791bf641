namespace Lockstep.Core.Protocol;

/// <summary>
/// Determinism classes side by side. A class is words with spaces between; where a model or data are of the worker program's own, one more, <c>code-…</c>, is the identity of that code.
/// </summary>
public static class OtherClass
{
    private const string Code = "code-";
    private const string Threads = "threads-";

    /// <summary>A class with the identity of code.</summary>
    /// <param name="identity">Null: there is none.</param>
    public static string With(string determinismClass, string? identity) => identity is null ? determinismClass : $"{determinismClass} {Code}{identity}";

    /// <summary>A class without the identity of code.</summary>
    public static string WithoutCode(string determinismClass) => Without(determinismClass, Code);

    /// <summary>A class without the number of threads, which is the job's and not the worker's.</summary>
    public static string WithoutThreads(string determinismClass) => Without(determinismClass, Threads);

    /// <summary>Whether what one class computed may go on in another.</summary>
    /// <param name="acceptsClass">Somebody accepted another machine's bits.</param>
    /// <param name="acceptsCode">Somebody accepted another identity of code.</param>
    public static bool IsAccepted(string theirs, string ours, bool acceptsClass, bool acceptsCode) =>
        (acceptsClass || WithoutCode(theirs) == WithoutCode(ours)) && (acceptsCode || CodeOf(theirs) == CodeOf(ours));

    /// <summary>What is said where a run was computed in another class than it would go on in.</summary>
    /// <param name="what">The beginning of a sentence, such as "The checkpoint of step 3".</param>
    public static string Problem(string what, string theirs, string ours) => WithoutCode(theirs) == WithoutCode(ours)
        ? $"{what} was computed by the code '{CodeOf(theirs)}', and this worker program is '{CodeOf(ours)}': the bits may differ."
        : $"{what} was computed in the determinism class '{theirs}', and this machine computes in '{ours}': the bits would differ.";

    /// <summary>What to do about it.</summary>
    public static string Remedy(string theirs, string ours) => WithoutCode(theirs) == WithoutCode(ours)
        ? "Go on with the program as it was built then, or accept this one by name with --accept-code: the ledger then says which code each part is of, and what it has beyond the checkpoint is set aside."
        : "Go on on a machine of that class: the same kind of processor, build, and settings such as ATEN_CPU_CAPABILITY. Or accept it by name with --accept-class: the ledger then says which class each part is of, and what it has beyond the checkpoint is set aside.";

    private static string? CodeOf(string determinismClass) => determinismClass.Split(' ').FirstOrDefault(part => part.StartsWith(Code, StringComparison.Ordinal));

    private static string Without(string determinismClass, string prefix) => string.Join(' ', determinismClass.Split(' ').Where(part => !part.StartsWith(prefix, StringComparison.Ordinal)));
}
