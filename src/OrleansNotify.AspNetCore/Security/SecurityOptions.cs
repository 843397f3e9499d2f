using System.Net;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>From where browsers may come. Bound from <c>Notify:Security</c>, checked at start.</summary>
public sealed class SecurityOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Security";

    /// <summary>Origins of web pages that may use this server besides its own, such as <c>https://app.example.com</c>; compared whole. Default none.</summary>
    public string[] AllowedOrigins { get; set; } = [];

    /// <summary>
    /// Host names requests may be addressed to, without port, such as <c>notify.example.com</c>. Default none, which means: any, unless the server
    /// listens on loopback addresses only; then <c>localhost</c>, <c>127.0.0.1</c> and <c>[::1]</c>, so that no web page can reach it by a name of its own.
    /// </summary>
    public string[] AllowedHosts { get; set; } = [];

    /// <summary>
    /// Addresses (<c>10.0.0.5</c>) and networks (<c>10.0.0.0/24</c>) of proxies whose X-Forwarded-For, -Proto and -Host are believed: they replace the
    /// request's remote address, scheme and host. Default none: from anybody else these headers mean nothing.
    /// </summary>
    public string[] KnownProxies { get; set; } = [];
}

/// <summary>Checks <see cref="SecurityOptions"/>, naming the setting that is wrong.</summary>
internal sealed class SecurityOptionsCheck : IValidateOptions<SecurityOptions>
{
    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, SecurityOptions options)
    {
        var failures = new List<string>();
        for (var i = 0; i < options.AllowedOrigins.Length; i++)
        {
            if (!IsOrigin(options.AllowedOrigins[i]))
                failures.Add($"{SecurityOptions.Section}:AllowedOrigins:{i} ('{options.AllowedOrigins[i]}') must be an origin as browsers send it, such as https://app.example.com or http://localhost:8080: lower case, no path, no default port.");
        }
        for (var i = 0; i < options.AllowedHosts.Length; i++)
        {
            if (options.AllowedHosts[i] is not { Length: > 0 } host || Uri.CheckHostName(host.Trim('[', ']')) == UriHostNameType.Unknown)
                failures.Add($"{SecurityOptions.Section}:AllowedHosts:{i} ('{options.AllowedHosts[i]}') must be a host name or address without port, such as notify.example.com or [::1].");
        }
        for (var i = 0; i < options.KnownProxies.Length; i++)
        {
            if (!IPAddress.TryParse(options.KnownProxies[i], out _) && !IPNetwork.TryParse(options.KnownProxies[i], out _))
                failures.Add($"{SecurityOptions.Section}:KnownProxies:{i} ('{options.KnownProxies[i]}') must be an IP address or a network, such as 10.0.0.5 or 10.0.0.0/24.");
        }
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static bool IsOrigin(string? origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && (uri.Scheme is "http" or "https")
        && uri.GetLeftPart(UriPartial.Authority) == origin
        && uri.UserInfo.Length == 0;
}
