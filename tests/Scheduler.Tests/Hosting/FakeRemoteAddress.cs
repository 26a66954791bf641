using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Lockstep.Scheduler.Tests.Hosting;

/// <summary>Lets a test come from elsewhere: the connection's address is what the request's header says.</summary>
internal sealed class FakeRemoteAddress : IStartupFilter
{
    public const string Header = "Test-Remote-Address";

    /// <summary>An address that is documentation's, and nobody's.</summary>
    public const string Elsewhere = "203.0.113.7";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, following) =>
        {
            if (context.Request.Headers.TryGetValue(Header, out var address))
            {
                context.Connection.RemoteIpAddress = IPAddress.Parse(address.ToString());
            }

            return following(context);
        });
        next(app);
    };
}
