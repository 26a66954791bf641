using Lockstep.Contracts;

namespace Lockstep.Scheduler.Api;

/// <summary>What one caller of the HTTP API may take; configuration section <c>Api</c>, in the environment <c>Api__MaxBodyBytes</c> and so on.</summary>
internal sealed record ApiLimits
{
    public const string Section = "Api";

    /// <value>Bytes of a request's body. Default 1 MiB.</value>
    public int MaxBodyBytes { get; init; } = 1 << 20;

    /// <value>Requests a minute of one address, in the long run. Default 3000.</value>
    public int RequestsPerMinute { get; init; } = 3000;

    /// <value>Requests of one address at once. Default 300.</value>
    public int Burst { get; init; } = 300;

    /// <value>Streams of events of one address. Default 64.</value>
    public int EventStreams { get; init; } = 64;

    /// <exception cref="InputException">One of them is no positive number.</exception>
    public static ApiLimits From(IConfiguration configuration)
    {
        ApiLimits limits;
        try
        {
            limits = configuration.GetSection(Section).Get<ApiLimits>() ?? new ApiLimits();
        }
        catch (InvalidOperationException exception)
        {
            throw new InputException("configuration", 0, exception.Message, "Write whole numbers.");
        }

        InputError[] errors =
        [
            .. new[] { (nameof(MaxBodyBytes), limits.MaxBodyBytes), (nameof(RequestsPerMinute), limits.RequestsPerMinute), (nameof(Burst), limits.Burst), (nameof(EventStreams), limits.EventStreams) }
                .Where(limit => limit.Item2 < 1)
                .Select(limit => new InputError("configuration", 0, $"{Section}:{limit.Item1} is {limit.Item2}, with which nothing could be served.", "Set it to 1 or more, or leave it out.")),
        ];
        return errors.Length == 0 ? limits : throw new InputException(errors);
    }
}
