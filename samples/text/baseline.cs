// What counting characters comes to on the texts of the sample, by the perplexity of a character:
//   dotnet run samples/text/baseline.cs -- --validation FILE TRAINING-FILE…
// Interpolated n-grams (Witten and Bell 1991): what followed the last n − 1 characters counts, and what followed fewer of them fills in.
using System.Globalization;

const int LongestOrder = 9;
const string Usage = "dotnet run samples/text/baseline.cs -- --validation FILE TRAINING-FILE…";

if (args is not ["--validation", var held, .. { Length: > 0 } files])
{
    Console.Error.WriteLine(Usage);
    return 2;
}

string training = string.Concat(files.Select(File.ReadAllText));
HashSet<char> known = [.. training];
// Characters that the training text lacks are left out, as the sample leaves them out.
string validation = new([.. File.ReadAllText(held).Where(known.Contains)]);
int characters = known.Count;
Console.WriteLine($"{training.Length} characters to count, {validation.Length} to predict, {characters} different ones");

// By what comes before: how often each character followed.
var followers = new Dictionary<string, Dictionary<char, int>>(StringComparer.Ordinal);
for (int i = 0; i < training.Length; i++)
{
    for (int before = 0; before < LongestOrder && before <= i; before++)
    {
        string context = training.Substring(i - before, before);
        if (!followers.TryGetValue(context, out Dictionary<char, int>? counts))
        {
            followers.Add(context, counts = []);
        }

        counts[training[i]] = counts.GetValueOrDefault(training[i]) + 1;
    }
}

for (int order = 1; order <= LongestOrder; order++)
{
    double surprise = 0;
    for (int i = 0; i < validation.Length; i++)
    {
        double probability = 1.0 / characters;
        for (int before = 0; before < order && before <= i; before++)
        {
            if (!followers.TryGetValue(validation.Substring(i - before, before), out Dictionary<char, int>? counts))
            {
                break;
            }

            double total = counts.Values.Sum();
            probability = (counts.GetValueOrDefault(validation[i]) + (counts.Count * probability)) / (total + counts.Count);
        }

        surprise -= Math.Log(probability);
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{order}-grams: perplexity {Math.Exp(surprise / validation.Length):F3}"));
}

return 0;
