using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <param name="Index">Zero-based.</param>
/// <param name="Categories">Its texts in ordinal order, where it holds categories.</param>
internal sealed record CsvColumn(int Index, string Name, string[]? Categories);

/// <summary>Which columns of a CSV file a job uses, and for what.</summary>
internal sealed record CsvColumns(IReadOnlyList<CsvColumn> Features, IReadOnlyList<CsvColumn> Labels)
{
    /// <summary>More different texts in one column of features are names rather than categories, and would take a column each.</summary>
    private const int MostCategories = 1000;

    /// <summary>More classes than this are rather a number that happens to be whole.</summary>
    public const int MostClasses = 10_000;

    private const int ShownNames = 20;

    /// <summary>Finds the columns and, by reading the file once, the texts of those with categories.</summary>
    /// <param name="known">Of the training data, whose texts count for all.</param>
    /// <exception cref="InputException">A column is missing or used in two ways.</exception>
    public static CsvColumns Find(string path, DataSpec spec, DataSchema? known, CancellationToken cancellation)
    {
        (string[] header, int[] features, int[] labels, int[] categories) = Locate(path, spec);
        int[] collected = [.. categories.Intersect(features.Concat(labels))];
        IReadOnlyDictionary<string, string[]> texts = known?.Categories ?? Collect(path, spec, collected, labels, cancellation);
        CsvColumn Make(int index) => new(index, header[index], collected.Contains(index) ? texts.GetValueOrDefault(header[index]) : null);
        return new CsvColumns([.. features.Select(Make)], [.. labels.Select(Make)]);
    }

    /// <summary>Finds the places of the columns, from the file's first line alone.</summary>
    /// <exception cref="InputException">A column is missing or used in two ways.</exception>
    public static (string[] Header, int[] Features, int[] Labels, int[] Categories) Locate(string path, DataSpec spec)
    {
        string[] header;
        using (var rows = new CsvRows(path, spec))
        {
            header = rows.Names;
        }

        var errors = new List<InputError>();
        int[] labels = Indexes(spec.Labels, "labels");
        int[] features = spec.Features.Count > 0 ? Indexes(spec.Features, "features") : [.. Enumerable.Range(0, header.Length).Except(labels)];
        int[] categories = Indexes(spec.Categories, "categories");
        if (features.Intersect(labels).FirstOrDefault(-1) is >= 0 and int both)
        {
            errors.Add(new InputError(path, 1, $"Column {header[both]} is a feature and a label.", "List it in one of the two."));
        }

        foreach (IGrouping<string, int> twice in features.Concat(labels).Distinct().GroupBy(i => header[i]).Where(g => g.Count() > 1))
        {
            errors.Add(new InputError(path, 1, $"The columns {string.Join(" and ", twice)} are both called '{twice.Key}'.", "Rename one of them, or leave one out of 'features'."));
        }

        if (errors.Count == 0 && features.Length == 0)
        {
            errors.Add(new InputError(path, 1, "No column is left as a feature.", "Check 'labels', and the delimiter."));
        }

        if (errors.Count > 0)
        {
            throw new InputException(errors);
        }

        return (header, features, labels, categories);

        int[] Indexes(IReadOnlyList<string> names, string key)
        {
            var indexes = new List<int>();
            foreach (string name in names)
            {
                int index = IndexOf(header, name);
                if (index < 0)
                {
                    errors.Add(new InputError(path, 1, $"There is no column '{name}', which 'data.{key}' names.", Remedy(header, name)));
                }
                else if (indexes.Contains(index))
                {
                    errors.Add(new InputError(path, 1, $"'data.{key}' names column {header[index]} twice.", "Name it once."));
                }
                else
                {
                    indexes.Add(index);
                }
            }

            return [.. indexes];
        }
    }

    private static int IndexOf(string[] header, string name)
    {
        int index = Array.IndexOf(header, name);
        return index < 0 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < header.Length ? number : index;
    }

    private static string Remedy(string[] header, string name)
    {
        string? alike = header.FirstOrDefault(h => h.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? header.Select(h => (Name: h, Distance: Distance(h, name))).Where(h => h.Distance <= 1 + (name.Length / 3) && h.Distance < name.Length).OrderBy(h => h.Distance).FirstOrDefault().Name;
        string columns = string.Join(", ", header.Take(ShownNames)) + (header.Length > ShownNames ? $" … ({header.Length} in all)" : "");
        return alike is null ? $"The columns are {columns}." : $"Did you mean '{alike}'? The columns are {columns}.";
    }

    /// <summary>Insertions, deletions and replacements that make one text the other.</summary>
    private static int Distance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            var current = new int[b.Length + 1];
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                current[j] = Math.Min(Math.Min(current[j - 1], previous[j]) + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            }

            previous = current;
        }

        return previous[^1];
    }

    /// <summary>In ordinal order, so that they don't depend on the order of rows.</summary>
    private static Dictionary<string, string[]> Collect(string path, DataSpec spec, int[] columns, int[] labels, CancellationToken cancellation)
    {
        if (columns.Length == 0)
        {
            return [];
        }

        var found = columns.ToDictionary(c => c, _ => new HashSet<string>(StringComparer.Ordinal));
        using var rows = new CsvRows(path, spec);
        while (rows.Read())
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (int column in columns)
            {
                ReadOnlySpan<char> text = rows[column];
                if (CsvSource.IsMissing(text) || !found[column].GetAlternateLookup<ReadOnlySpan<char>>().Add(text))
                {
                    continue;
                }

                int most = labels.Contains(column) ? MostClasses : MostCategories;
                if (found[column].Count > most)
                {
                    throw new InputException(path, rows.Line, $"Column {rows.Names[column]} has more than {most} different texts.", "Such a column names rows rather than groups them: leave it out of 'features', or out of 'categories' where it holds numbers.");
                }
            }
        }

        return found.ToDictionary(f => rows.Names[f.Key], f => f.Value.Order(StringComparer.Ordinal).ToArray());
    }
}
