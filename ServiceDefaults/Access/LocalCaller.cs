using System.Net;
using Microsoft.AspNetCore.Http;

namespace Lockstep.ServiceDefaults.Access;

/// <summary>Tells whether a request comes from a program on this machine that speaks to the service itself.</summary>
internal static class LocalCaller
{
    /// <summary>Proxies add these; middleware that believes them renames them to X-Original-….</summary>
    private static readonly string[] ProxyHeaders = ["Forwarded", "Via", "X-Real-IP"];
    private static readonly string[] ProxyPrefixes = ["X-Forwarded-", "X-Original-"];

    /// <remarks>
    /// A proxy on this machine calls over loopback for strangers, and a web page in a browser here may have its requests sent to a loopback address:
    /// requests with a proxy's headers, for another host's name, or on behalf of another site are not local.
    /// </remarks>
    public static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)
        && !context.Request.Headers.Keys.Any(IsOfProxy)
        && IsLoopbackName(context.Request.Host)
        && IsOfThisSite(context.Request);

    private static bool IsOfProxy(string header) =>
        ProxyHeaders.Contains(header, StringComparer.OrdinalIgnoreCase) || ProxyPrefixes.Any(prefix => header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    private static bool IsLoopbackName(HostString host) =>
        host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    private static bool IsOfThisSite(HttpRequest request) =>
        request.Headers.Origin.ToString() is not { Length: > 0 } origin || origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
}
