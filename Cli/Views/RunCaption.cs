namespace Lockstep.Cli.Views;

/// <summary>What a view says of a run besides its events.</summary>
/// <param name="Setting">Processes and where the run lies; null: they are not this command's.</param>
/// <param name="Slots">Of a step; null: not known here.</param>
internal sealed record RunCaption(string Name, string? Setting, int? Slots);
