using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Which columns of a table a job uses, and for what: zero-based indexes into the header.</summary>
/// <param name="FindsCategories">Whether columns that hold other texts than numbers are categories, named or not.</param>
internal sealed record TableColumns(string[] Header, int[] Features, int[] Labels, int[] Categories, bool FindsCategories)
{
    private const int ShownNames = 20;

    /// <summary>Finds the places of the columns, from the file's beginning alone.</summary>
    /// <exception cref="InputException">A column is missing or used in two ways.</exception>
    public static TableColumns Locate(string path, DataSpec spec)
    {
        string[] header;
        using (TableRows rows = TableRows.Open(path, spec))
        {
            header = rows.Names;
        }

        Dictionary<string, int> places = [];
        for (int i = header.Length - 1; i >= 0; i--)
        {
            places[header[i]] = i;
        }

        var errors = new List<InputError>();
        int[] labels = Indexes(spec.Labels, "labels");
        int[] features = spec.Features.Count > 0 ? Indexes(spec.Features, "features") : [.. Enumerable.Range(0, header.Length).Except(labels).Except(Indexes(spec.Exclude, "exclude"))];
        bool finds = spec.Categories is [DataSpec.AutoCategories];
        int[] categories = finds ? [] : Indexes(spec.Categories, "categories");
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
            errors.Add(new InputError(path, 1, "No column is left as a feature.", "Check 'labels' and 'exclude', and the delimiter."));
        }

        if (errors.Count > 0)
        {
            throw new InputException(errors);
        }

        return new TableColumns(header, features, labels, categories, finds);

        int[] Indexes(IReadOnlyList<string> names, string key)
        {
            var indexes = new List<int>();
            var seen = new HashSet<int>();
            foreach (string name in names)
            {
                int index = IndexOf(name);
                if (index < 0)
                {
                    errors.Add(new InputError(path, 1, $"There is no column '{name}', which 'data.{key}' names.", Remedy(header, name, spec)));
                }
                else if (!seen.Add(index))
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

        int IndexOf(string name) => places.TryGetValue(name, out int place) ? place
            : int.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number < header.Length && number >= -header.Length ? (number + header.Length) % header.Length
            : -1;
    }

    private static string Remedy(string[] header, string name, DataSpec spec)
    {
        if (spec.Format == DataFormat.Csv && spec.Header && header.Count(h => double.TryParse(h, NumberStyles.Float, CultureInfo.InvariantCulture, out _)) * 2 > header.Length)
        {
            return "The first line looks like data: set 'header: false', and name columns by their index, from 0.";
        }

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
}
