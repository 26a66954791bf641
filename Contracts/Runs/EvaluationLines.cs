using System.Globalization;

namespace Lockstep.Contracts.Runs;

/// <summary>What an evaluation says beside one number a metric, as lines for people.</summary>
public static class EvaluationLines
{
    /// <summary>Rows and columns; more do not fit a terminal.</summary>
    private const int MostClasses = 20;

    private const int LongestName = 24;

    public static IEnumerable<string> Of(EvaluationDetails? details)
    {
        foreach ((string metric, string remark) in details?.Remarks ?? new Dictionary<string, string>())
        {
            yield return $"{metric}: {Printable.Of(remark)}";
        }

        if (details?.Classes is not { } classes)
        {
            yield break;
        }

        string[] names = [.. classes.Take(MostClasses).Select(c => Short(c.Class))];
        int width = names.Append("class").Max(name => name.Length);
        yield return $"{"class".PadRight(width)}  precision  recall      f1  samples";
        for (int i = 0; i < names.Length; i++)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{names[i].PadRight(width)}  {classes[i].Precision,9:F4}  {classes[i].Recall:F4}  {classes[i].F1:F4}  {classes[i].Samples,7}");
        }

        if (details.Confusion is { } confusion)
        {
            int[] widths = [.. names.Select((name, column) => Math.Max(name.Length, confusion.Take(MostClasses).Max(row => row[column].ToString(CultureInfo.InvariantCulture).Length)))];
            yield return $"{"as".PadLeft(width)}  {string.Join("  ", names.Zip(widths, (name, w) => name.PadLeft(w)))}";
            for (int i = 0; i < names.Length; i++)
            {
                yield return $"{names[i].PadRight(width)}  {string.Join("  ", widths.Select((w, column) => confusion[i][column].ToString(CultureInfo.InvariantCulture).PadLeft(w)))}";
            }
        }

        if (classes.Count > MostClasses)
        {
            yield return $"… and {classes.Count - MostClasses} more, which JSON has";
        }
    }

    private static string Short(string name) => Printable.Of(name) is var text && text.Length > LongestName ? $"{text[..(LongestName - 1)]}…" : text;
}
