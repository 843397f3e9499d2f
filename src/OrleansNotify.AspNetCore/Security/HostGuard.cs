using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>
/// Refuses requests addressed to a name that is not this server's. A server on loopback trusts who is on the machine; a web page whose own name
/// resolves to 127.0.0.1 (DNS rebinding) counts as same origin, but its requests carry that name.
/// </summary>
internal sealed class HostGuard(IOptions<SecurityOptions> options, IServer? server = null)
{
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    private string[]? _names;

    /// <summary>Whether the request is addressed to this server. A request without host (HTTP/1.0) comes from no browser and passes.</summary>
    public bool Passes(HttpRequest request)
    {
        var names = _names ?? Names();
        var host = request.Host.Value;
        if (names.Length == 0 || string.IsNullOrEmpty(host))
            return true;
        var name = WithoutPort(host);
        foreach (var allowed in names)
        {
            if (name.Equals(allowed, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    private static ReadOnlySpan<char> WithoutPort(ReadOnlySpan<char> host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host.EndsWith("]", StringComparison.Ordinal) ? host : host[..colon];
    }

    // What the server listens on is known once it has started; the first request comes later.
    private string[] Names()
    {
        if (options.Value.AllowedHosts is { Length: > 0 } configured)
            return _names = [.. configured.Select(Bracketed)];
        var addresses = server?.Features.Get<IServerAddressesFeature>()?.Addresses;
        if (addresses is not { Count: > 0 })
            return [];
        return _names = addresses.All(IsLoopback) ? LoopbackNames : [];
    }

    private static string Bracketed(string host) =>
        host.Contains(':', StringComparison.Ordinal) && !host.StartsWith('[') ? $"[{host}]" : host;

    private static bool IsLoopback(string address)
    {
        var host = BindingHost(address);
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
    }

    // "http://[::1]:3000", "http://*:80", "https://localhost"; a Uri would refuse '*' and '+'.
    private static string BindingHost(string address)
    {
        var start = address.IndexOf("://", StringComparison.Ordinal);
        var authority = address.AsSpan(start < 0 ? 0 : start + 3);
        var slash = authority.IndexOf('/');
        return WithoutPort(slash < 0 ? authority : authority[..slash]).ToString();
    }
}
