using System.Text;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Api;

/// <summary>A Redis that holds its connections and answers nobody.</summary>
public sealed class HungRedisTests : IAsyncLifetime
{
    private readonly DebianRedis _redis = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _redis.InitializeAsync();

    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    [Fact]
    public async Task A_change_is_answered_and_not_made_later()
    {
        _redis.Require();
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(_redis);
        using HttpClient http = scheduler.Client();

        _redis.Halt();
        using HttpResponseMessage refused = await http.PostAsync("/workers/scale", Scale(1), Token);
        string told = await Requests.ProblemAsync(refused, 503);
        using HttpResponseMessage read = await http.GetAsync("/workers/desired", Token);
        await scheduler.Logs.WaitAsync("Redis does not answer; what needs it waits", Token);
        _redis.GoOn();
        Assert.StartsWith("Redis cannot be reached", told, StringComparison.Ordinal);
        Assert.True(read.IsSuccessStatusCode);
        Assert.DoesNotContain("scaled", await http.GetStringAsync("/workers/desired", Token), StringComparison.Ordinal);
        using HttpResponseMessage made = await http.PostAsync("/workers/scale", Scale(1), Token);
        Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync(Token));
        Assert.Contains("scaled", await http.GetStringAsync("/workers/desired", Token), StringComparison.Ordinal);
    }

    private static StringContent Scale(int workers) => new($$"""{"workers": {{workers}}}""", Encoding.UTF8, "application/json");
}
