namespace Lockstep.Contracts.Formats;

/// <summary>Writes a file that a person named, whole or not at all.</summary>
public static class WholeFile
{
    /// <param name="option">That named it, for messages.</param>
    /// <exception cref="InputException">It cannot be written.</exception>
    public static void Write(string path, string option, Action<TextWriter> write) => WriteBytes(path, option, file =>
    {
        using var writer = new StreamWriter(file);
        write(writer);
    });

    /// <param name="option">That named it, for messages.</param>
    /// <exception cref="InputException">It cannot be written.</exception>
    public static void WriteBytes(string path, string option, Action<Stream> write)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            try
            {
                using (FileStream file = File.Create(temporary))
                {
                    write(file);
                }

                File.Move(temporary, path, overwrite: true);
            }
            finally
            {
                File.Delete(temporary);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(option, 0, $"'{path}' cannot be written: {exception.Message}", "Correct the path or its rights, or free space.");
        }
    }
}
