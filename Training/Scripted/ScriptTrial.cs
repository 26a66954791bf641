using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Contracts.Tools;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>
/// Has a TorchScript file read by a process of its own, once for each content of the file: where its code does not compile here, as with an operator that this libtorch does not have,
/// libtorch throws what TorchSharp does not catch, and the process ends.
/// </summary>
public static class ScriptTrial
{
    private const string Said = "what():";
    private const int BadInput = 2;

    /// <summary>Reads a file, or ends the process.</summary>
    /// <exception cref="InputException">It is missing, damaged, or nothing that can be trained.</exception>
    public static void Read(string path) => ScriptedModel.Read(path).Dispose();

    /// <param name="program">Assembly of a worker program.</param>
    /// <exception cref="InputException">The file cannot be read.</exception>
    internal static void Run(string path, string program)
    {
        string? mark = MarkOf(path);
        if (mark is not null && File.Exists(mark))
        {
            return;
        }

        KeyValuePair<string, string> parent = KeyValuePair.Create(EnvironmentNames.ParentProcess, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        using Process process = Process.Start(DotnetHost.Start(program, [ToolNames.Script, path], [parent])) ?? throw new InvalidOperationException($"{program} could not be started.");
        process.StandardInput.Close();
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == BadInput)
        {
            // What is told of it is told by who reads it next.
            return;
        }

        if (process.ExitCode != 0)
        {
            throw ScriptedModel.Unreadable(path, Reason(said) ?? $"it ended with {process.ExitCode}.");
        }

        if (mark is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(mark)!);
            File.WriteAllText(mark, "");
        }
    }

    /// <summary>What the C++ library's last words are, until an empty line or the code's place.</summary>
    internal static string? Reason(string said)
    {
        string[] lines = said.Split('\n');
        int at = Array.FindIndex(lines, line => line.Contains(Said, StringComparison.Ordinal));
        if (at < 0)
        {
            return null;
        }

        string first = lines[at][(lines[at].IndexOf(Said, StringComparison.Ordinal) + Said.Length)..];
        return string.Join(' ', lines.Skip(at + 1).Prepend(first).Select(line => line.Trim()).SkipWhile(line => line.Length == 0).TakeWhile(line => line.Length > 0 && !line.EndsWith(':')));
    }

    /// <returns>Null: there is no cache that could remember.</returns>
    private static string? MarkOf(string path)
    {
        if (DataCache.Find() is not { } cache)
        {
            return null;
        }

        using FileStream file = RegularFile.Open(path);
        byte[] content = SHA256.HashData(file);
        return Path.Combine(cache, $"{Convert.ToHexStringLower(SHA256.HashData([.. content, .. Encoding.UTF8.GetBytes(torch.__version__)]).AsSpan(0, 16))}.script");
    }
}
