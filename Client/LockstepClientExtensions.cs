using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Lockstep.Client;

/// <summary>Registers the client of a Lockstep scheduler.</summary>
public static class LockstepClientExtensions
{
    private const string Http = "http";
    private const string KeyPart = "key=";

    /// <summary>
    /// Registers a <see cref="SchedulerClient"/>. Its address is the connection string of that name, <c>http://host:port</c> and <c>;key=…</c> where the scheduler asks for a key, as <c>WithReference</c> of an Aspire application gives it.
    /// </summary>
    /// <param name="builder">The application's.</param>
    /// <param name="name">Of the connection.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IHostApplicationBuilder AddLockstepClient(this IHostApplicationBuilder builder, string name)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services =>
        {
            (Uri address, string? key) = Read(builder.Configuration, name);
            return new SchedulerClient(address, services.GetRequiredService<TimeProvider>(), key);
        });
        return builder;
    }

    /// <exception cref="InputException">There is no such connection, or it is no address.</exception>
    internal static (Uri Address, string? Key) Read(IConfiguration configuration, string name)
    {
        string? text = configuration.GetConnectionString(name) is { Length: > 0 } connection ? connection : configuration[$"services:{name}:{Http}:0"];
        string[] parts = (text ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string? key = parts.Skip(1).FirstOrDefault(part => part.StartsWith(KeyPart, StringComparison.OrdinalIgnoreCase))?[KeyPart.Length..];
        return parts.Length > 0 && Uri.TryCreate(parts[0], UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? (address, key ?? configuration[EnvironmentNames.ApiKey])
            : throw new InputException($"ConnectionStrings:{name}", 0, text is null ? "It is not said where the scheduler is." : $"'{Secrets.Hide(text)}' is no address of a scheduler.", $"Set ConnectionStrings__{name} to http://host:port, and ;key=… where it asks for a key.");
    }
}
