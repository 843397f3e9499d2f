using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>What a proxy says about the client it speaks for, if it is one of ours.</summary>
internal static class KnownProxies
{
    /// <summary>Before the checks of host and origin: they are about what the client asked for. Without known proxies nothing is added.</summary>
    public static IApplicationBuilder UseKnownProxies(this IApplicationBuilder app)
    {
        var proxies = app.ApplicationServices.GetRequiredService<IOptions<SecurityOptions>>().Value.KnownProxies;
        return proxies.Length == 0 ? app : app.UseForwardedHeaders(Of(proxies));
    }

    private static ForwardedHeadersOptions Of(string[] proxies)
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            ForwardLimit = null, // through as many proxies as are known; the first unknown address is the client's
        };
        // By default the platform believes loopback.
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            if (IPAddress.TryParse(proxy, out var address))
                options.KnownProxies.Add(address);
            else
                options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
        }
        return options;
    }
}
