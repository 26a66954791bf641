namespace Lockstep.Hosting;

/// <summary>Training of an application: a scheduler and all that it needs. Other services get its connection by <c>WithReference</c>.</summary>
public sealed class LockstepResource : Resource, IResourceWithConnectionString
{
    private readonly EndpointReference _api;
    private readonly ParameterResource _apiKey;

    internal LockstepResource(string name, EndpointReference api, ParameterResource apiKey) : base(name) => (_api, _apiKey) = (api, apiKey);

    /// <value><c>http://host:port;key=…</c>, as <c>AddLockstepClient</c> of Lockstep.Client takes it.</value>
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{_api.Property(EndpointProperty.Url)};key={_apiKey}");

    internal LockstepFleet? Fleet { get; set; }
}
