namespace Lockstep.Hosting;

/// <summary>Names of the endpoints that the services declare in their settings, under Kestrel:Endpoints.</summary>
internal static class EndpointNames
{
    public const string Http = "http";
    public const string Grpc = "grpc";
}
