using System.Globalization;
using System.Text.Json;

namespace Lockstep.Contracts.Faults;

/// <summary>How the fault injector and the processes that harm themselves speak: files in a folder that <see cref="Services.EnvironmentNames.Faults"/> names. What a process wrote outlives it.</summary>
public sealed class FaultFolder
{
    private const string ArmedSuffix = ".armed";
    private const string FiredSuffix = ".fired";
    private const string ExpectedSuffix = ".expected";
    private const string HeldSuffix = ".held";

    private readonly string _path;

    /// <param name="path">Made where it is missing.</param>
    public FaultFolder(string path)
    {
        _path = Path.GetFullPath(path);
        Directory.CreateDirectory(_path);
    }

    public string FullName => _path;

    /// <summary>From now on whoever the fault is for meets it.</summary>
    public void Arm(int number, Fault fault)
    {
        string path = Name(number, ArmedSuffix);
        File.WriteAllText(path + ".tmp", fault.ToJson());
        File.Move(path + ".tmp", path, overwrite: true);
    }

    public void Disarm(int number) => File.Delete(Name(number, ArmedSuffix));

    /// <summary>The faults that are armed, by number.</summary>
    public IReadOnlyList<(int Number, Fault Fault)> Armed()
    {
        var armed = new List<(int, Fault)>();
        foreach (string path in Directory.EnumerateFiles(_path, "*" + ArmedSuffix).Order(StringComparer.Ordinal))
        {
            try
            {
                armed.Add((NumberOf(path), Fault.FromJson(File.ReadAllText(path))));
            }
            catch (FileNotFoundException)
            {
                // Disarmed meanwhile.
            }
        }

        return armed;
    }

    /// <summary>Claims a fault: of all that ask, in this life of theirs or another, the first is told yes.</summary>
    public bool TryFire(int number, FaultMark mark)
    {
        string path = Name(number, FiredSuffix);
        if (File.Exists(path))
        {
            return false;
        }

        // Whole from the start: whoever reads it sees all of it.
        string own = $"{path}.{Environment.ProcessId}-{Environment.CurrentManagedThreadId}.tmp";
        File.WriteAllText(own, JsonSerializer.Serialize(mark, Fault.Options));
        try
        {
            File.Move(own, path, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(own);
            return false;
        }
    }

    /// <summary>When a fault was claimed; null: it was not.</summary>
    public FaultMark? FiredAt(int number)
    {
        string path = Name(number, FiredSuffix);
        return File.Exists(path) ? JsonSerializer.Deserialize<FaultMark>(File.ReadAllText(path), Fault.Options) : null;
    }

    /// <summary>Says that a fault is known to who is to meet it, which is where it can.</summary>
    public void Expect(int number)
    {
        if (!IsExpected(number))
        {
            File.Create(Name(number, ExpectedSuffix)).Dispose();
        }
    }

    public bool IsExpected(int number) => File.Exists(Name(number, ExpectedSuffix));

    /// <summary>Asks anew who is to meet a fault whether it knows of it: it may have been another life of it that did.</summary>
    public void AskAgain(int number) => File.Delete(Name(number, ExpectedSuffix));

    /// <summary>Keeps jobs at a version: they do not come to the next one before the hold is released.</summary>
    public void Hold(long version) => File.Create(Held(version)).Dispose();

    public void Release(long version) => File.Delete(Held(version));

    public bool IsHeld(long version) => File.Exists(Held(version));

    private string Held(long version) => Path.Combine(_path, "version-" + version.ToString("D9", CultureInfo.InvariantCulture) + HeldSuffix);

    private string Name(int number, string suffix) => Path.Combine(_path, number.ToString("D6", CultureInfo.InvariantCulture) + suffix);

    private static int NumberOf(string path) => int.Parse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture);
}

/// <param name="Target">Who met it.</param>
/// <param name="Time">When, by the machine's clock.</param>
public sealed record FaultMark(string Target, DateTimeOffset Time);
