using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>What a sample of each class counts in the loss.</summary>
public static class ClassWeighting
{
    private const int NamesShown = 10;

    /// <summary>The weights that a job wants. Balanced, a class with n of N training rows has N / (classes · n); one without any has 1.</summary>
    /// <returns>By class; null: all samples count alike.</returns>
    /// <exception cref="InputException">A name is no class, or the classes were not counted.</exception>
    public static float[]? Of(ClassWeights? weights, NormalizationTable table) => Of(weights, table.NamesOfClasses(), table.ClassCounts);

    /// <param name="names">By class.</param>
    /// <param name="counted">Training rows of each class; null: nobody counted them.</param>
    public static float[]? Of(ClassWeights? weights, IReadOnlyList<string> names, long[]? counted)
    {
        if (weights is null)
        {
            return null;
        }

        if (weights.ByClass is not { } byClass)
        {
            long[] counts = counted ?? throw new InputException(InputException.JobFile, 0, "The preparation of data does not say how many rows each class has, which balanced class weights go by.", "Give a map of class and number, or take a model that this version wrote.");
            double all = counts.Sum(), present = counts.Count(count => count > 0);
            return [.. names.Select((_, i) => i < counts.Length && counts[i] > 0 ? (float)(all / (present * counts[i])) : 1)];
        }

        string[] unknown = [.. byClass.Keys.Except(names)];
        if (unknown.Length > 0)
        {
            throw new InputException([.. unknown.Take(NamesShown).Select(name => new InputError(InputException.JobFile, 0, $"'classWeights' names '{name}', which is no class.", $"The classes are {string.Join(", ", names.Take(NamesShown))}{(names.Count > NamesShown ? " …" : "")}."))]);
        }

        return [.. names.Select(name => byClass.TryGetValue(name, out double weight) ? (float)weight : 1)];
    }
}
