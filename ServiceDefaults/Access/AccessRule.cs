namespace Lockstep.ServiceDefaults.Access;

/// <summary>What a caller of an endpoint must show.</summary>
public enum AccessNeed
{
    /// <summary>The API key. An endpoint that says nothing needs it, so that none can be left open by being forgotten.</summary>
    ApiKey,

    /// <summary>The secret that the services of one fleet share.</summary>
    Secret,

    Nothing,
}

/// <summary>Metadata of an endpoint.</summary>
public sealed record AccessRule(AccessNeed Need);
