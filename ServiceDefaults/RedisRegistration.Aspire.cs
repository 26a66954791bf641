using Microsoft.Extensions.Hosting;

namespace Lockstep.ServiceDefaults;

public static partial class RedisRegistration
{
    static partial void Register(IHostApplicationBuilder builder) => builder.AddRedisClient(ConnectionName, configureOptions: Configure);
}
