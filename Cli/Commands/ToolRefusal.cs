namespace Lockstep.Cli.Commands;

/// <summary>The worker's executable took what it was given for bad input, and has said so on standard error: nothing is to be added.</summary>
internal sealed class ToolRefusal() : Exception("The worker's executable refused its input.");
