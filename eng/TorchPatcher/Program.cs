using Lockstep.TorchPatcher;

if (args.Length != 2)
{
    await Console.Error.WriteLineAsync("usage: TorchPatcher SOURCE TARGET");
    return 2;
}

try
{
    var bytes = await File.ReadAllBytesAsync(args[0]);
    var outcome = args[0].EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? LifetimePatch.Apply(bytes) : TorchLibraryPatch.Apply(bytes);
    FileReplacement.Write(args[1], bytes);
    Console.WriteLine($"{args[1]}: {outcome}");
    return 0;
}
catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
{
    // The form "file : error CODE: text" makes MSBuild show it as a build error.
    await Console.Error.WriteLineAsync($"{args[0]} : error LOCKSTEP001: {error.Message}");
    return 1;
}
