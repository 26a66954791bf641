using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Tools;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>Loads libtorch, says what it is, and whether it computes right here.</summary>
internal static class ProbeTool
{
    public static int Run()
    {
        try
        {
            TorchRuntime.Require(threads: 1);
            var probe = new TorchProbe(TorchRuntime.Device.type.ToString().ToLowerInvariant(), TorchRuntime.DeterminismClass(1));
            Console.Out.WriteLine(JsonSerializer.Serialize(probe));
            return 0;
        }
        catch (Exception exception) when (exception is TypeInitializationException or DllNotFoundException or NotSupportedException or InvalidOperationException or BadImageFormatException or InputException)
        {
            // Each level has something of the loader's own words.
            for (Exception? at = exception; at is not null; at = at.InnerException)
            {
                Console.Error.WriteLine(at.Message);
            }

            return 1;
        }
    }
}
