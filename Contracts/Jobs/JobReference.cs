using System.Globalization;
using System.Text;

namespace Lockstep.Contracts.Jobs;

/// <summary>The keys of job files as a table, made from those that the reader checks against.</summary>
public static class JobReference
{
    /// <summary>Markdown: a table of the job's own keys, then one for each map in it.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder();
        Table(text, "", JobKeys.Job);
        foreach (JobKey map in JobKeys.Job.Keys.Where(k => k.Kind == ValueKind.Map))
        {
            Table(text, map.Name, map);
            foreach (JobKey inner in map.Keys.Where(k => k.Kind == ValueKind.Map))
            {
                Table(text, $"{map.Name}.{inner.Name}", inner);
            }
        }

        Table(text, "optimizer.groups", JobKeys.ParameterGroup);
        Table(text, "model.layers", JobKeys.Layer);
        Kinds(text);
        return text.ToString();
    }

    private static void Kinds(StringBuilder text)
    {
        text.Append("### Kinds of layers\n\n| Kind | What it does | Keys |\n|---|---|---|\n");
        foreach (LayerKind kind in Enum.GetValues<LayerKind>())
        {
            LayerForm form = LayerForms.Of(kind);
            text.Append(CultureInfo.InvariantCulture, $"| `{JobWords.Of(kind)}` | {form.Meaning} | {string.Join(", ", form.Keys.Select(key => $"`{key}`"))} |\n");
        }

        text.Append('\n');
    }

    /// <param name="title">The map's way from the job; empty: the job itself.</param>
    private static void Table(StringBuilder text, string title, JobKey map)
    {
        text.Append(CultureInfo.InvariantCulture, $"### {(title.Length == 0 ? "The job" : $"`{title}`")}\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
        foreach (JobKey key in map.Keys)
        {
            string expected = key.Kind == ValueKind.Map ? $"a map, see `{(title.Length == 0 ? "" : title + ".")}{key.Name}`" : key.Expected;
            string standard = key.Required ? "required" : key.Default is { } value ? $"`{value}`" : "";
            text.Append(CultureInfo.InvariantCulture, $"| `{key.Name}` | {expected.Replace("|", "\\|", StringComparison.Ordinal)} | {standard} | {key.Meaning} |\n");
        }

        text.Append('\n');
    }
}
