namespace Lockstep.SystemBenchmark.Rows;

/// <summary>What a row is to reach.</summary>
/// <param name="Bar">What is promised.</param>
/// <param name="Aim">What is hoped for; null: the bar is all.</param>
internal sealed record Target(double Bar, double? Aim);

/// <summary>One number of the table: one measure of ours, as it is or over the same measure of a peer.</summary>
/// <param name="Number">Such as 3.1.</param>
/// <param name="Unit">Of ours and the peer.</param>
/// <param name="Peer">Null: ours itself is compared with the target.</param>
/// <param name="IsHighGood">Whether more is better.</param>
/// <param name="Grpc">Null: nothing is promised of this transport.</param>
/// <param name="Shared">Over shared memory; null: nothing is promised.</param>
internal sealed record Row(string Number, string Name, string Unit, Quantity Ours, Quantity? Peer, bool IsHighGood, Target? Grpc, Target? Shared)
{
    /// <value>What is printed beside and not compared with the target, such as the same with eight slots a step.</value>
    public IReadOnlyList<Beside> Beside { get; init; } = [];

    /// <value>All that has to run for it.</value>
    public IEnumerable<Contender> Contenders => new[] { Ours, Peer }.Concat(Beside.SelectMany(b => new[] { b.Ours, b.Peer })).Where(q => q is not null).SelectMany(q => q!.From).Distinct();

    public Target? TargetOver(Wire transport) => transport == Wire.Shared ? Shared : Grpc;
}

/// <param name="Name">Such as "M = 8".</param>
/// <param name="Peer">Null: ours itself is what is told.</param>
internal sealed record Beside(string Name, Quantity Ours, Quantity? Peer);
