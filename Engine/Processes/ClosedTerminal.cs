using System.Runtime.InteropServices;
using System.Text;

namespace Lockstep.Engine.Processes;

/// <summary>A terminal that closes ends a command as Ctrl-C does, so that nothing is lost; what is written to one that is gone is no error.</summary>
public static class ClosedTerminal
{
    /// <param name="end">Ends the command in order.</param>
    /// <returns>Dispose of it to leave the signal to the system again.</returns>
    public static PosixSignalRegistration Watch(Action end)
    {
        if (!Console.IsOutputRedirected)
        {
            Console.SetOut(new Writer(Console.Out));
        }

        if (!Console.IsErrorRedirected)
        {
            Console.SetError(new Writer(Console.Error));
        }

        return PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            end();
        });
    }

    /// <summary>Writes to a terminal, as long as there is one.</summary>
    private sealed class Writer(TextWriter terminal) : TextWriter
    {
        public override Encoding Encoding => terminal.Encoding;

        public override void Write(char value) => Write([value]);

        public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

        public override void Write(string? value) => Write(value.AsSpan());

        public override void Write(ReadOnlySpan<char> buffer)
        {
            try
            {
                terminal.Write(buffer);
            }
            catch (IOException)
            {
            }
        }

        public override void Flush()
        {
            try
            {
                terminal.Flush();
            }
            catch (IOException)
            {
            }
        }
    }
}
