using System.Globalization;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Redis;

/// <summary>The server that the embedded engine brings with it, over a long run.</summary>
public sealed class EmbeddedServerTests(EmbeddedGarnet server)
{
    /// <summary>Without reuse each of these leaves about 150 bytes behind.</summary>
    private const int Rounds = 20_000;

    private const long MostGrowth = 512 * 1024;

    private const string Round = """
        redis.call('DEL', KEYS[1])
        for slot = 1, 8 do redis.call('HSET', KEYS[1], slot, ARGV[1]) end
        redis.call('PEXPIRE', KEYS[1], 60000)
        return redis.call('HINCRBY', KEYS[2], 'granted', 1)
        """;

    [Fact]
    public async Task Its_log_does_not_grow_with_every_table_that_is_written_anew()
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions { EndPoints = [server.EndPoint], Password = server.Password, AllowAdmin = true });
        IDatabase database = redis.GetDatabase();
        RedisKey[] keys = [$"{{{RedisServer.NewId()}}}:table", $"{{{RedisServer.NewId()}}}:counters"];
        await PlayAsync(1000);
        long before = await TailAsync();

        await PlayAsync(Rounds);

        Assert.InRange(await TailAsync() - before, 0, MostGrowth);
        Assert.Equal(1000 + Rounds, (int)await database.HashGetAsync(keys[1], "granted"));

        async Task PlayAsync(int rounds)
        {
            foreach (int[] batch in Enumerable.Range(0, rounds).Chunk(500))
            {
                await Task.WhenAll(batch.Select(round => database.ScriptEvaluateAsync(Round, keys, [$"{round}:worker"])));
            }
        }

        async Task<long> TailAsync() => long.Parse(
            (await redis.GetServers()[0].InfoAsync("store")).SelectMany(section => section).Single(line => line.Key == "Log.TailAddress").Value,
            CultureInfo.InvariantCulture);
    }
}
