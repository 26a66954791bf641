namespace Lockstep.Hosting;

/// <summary>Aspire warns on every page of its dashboard where no development certificate is trusted, whether anything needs one or not.</summary>
internal static class CertificateNotice
{
    /// <summary>Where the dashboard is served without TLS, nothing here needs a certificate.</summary>
    public static void WithoutCertificateNotice(this IDistributedApplicationBuilder builder)
    {
        if (!builder.ExecutionContext.IsRunMode || builder.Configuration["ASPNETCORE_URLS"]?.Contains("https:", StringComparison.OrdinalIgnoreCase) != false)
        {
            return;
        }

        builder.Eventing.Subscribe<BeforeStartEvent>((starting, _) =>
        {
            foreach (IResource resource in starting.Model.Resources.Where(r => r.Annotations.OfType<HttpsCertificateConfigurationCallbackAnnotation>().Any()))
            {
                resource.Annotations.Add(new HttpsCertificateAnnotation { UseDeveloperCertificate = false });
            }

            return Task.CompletedTask;
        });
    }
}
