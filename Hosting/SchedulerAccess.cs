using Lockstep.Client;

namespace Lockstep.Hosting;

/// <summary>The scheduler's API, as this application has it.</summary>
internal sealed class SchedulerAccess(IResourceBuilder<IResourceWithEndpoints> scheduler, IResourceBuilder<ParameterResource> apiKey, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private SchedulerClient? _client;

    public string SchedulerName => scheduler.Resource.Name;

    /// <summary>Waits until the scheduler has an address.</summary>
    public async Task<SchedulerClient> ClientAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return _client ??= new SchedulerClient(await AddressAsync(cancellation), time, await apiKey.Resource.GetValueAsync(cancellation));
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task<Uri> AddressAsync(CancellationToken cancellation) =>
        new(await scheduler.GetEndpoint(EndpointNames.Http).GetValueAsync(cancellation) ?? throw new HttpRequestException("The scheduler has no address."));

    public void Dispose()
    {
        _client?.Dispose();
        _gate.Dispose();
    }
}
