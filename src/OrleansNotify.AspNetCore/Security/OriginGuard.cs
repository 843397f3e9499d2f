using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Security.ApiKeys;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>
/// Keeps foreign web pages out: a browser sends along who caused a request, and any page can make one to any address the browser reaches. Clients
/// that are no browser send no Origin and pass.
/// </summary>
internal sealed class OriginGuard(IOptions<SecurityOptions> options)
{
    private readonly HashSet<string> _allowed = new(options.Value.AllowedOrigins, StringComparer.Ordinal);

    /// <summary>Whether the request may go on; if not, it has been answered when the task ends.</summary>
    public bool Passes(HttpContext context, out Task answered)
    {
        answered = Task.CompletedTask;
        var request = context.Request;
        var origin = request.Headers.Origin;
        if (origin.Count == 0)
        {
            if (IsSafe(request.Method) || request.Headers["Sec-Fetch-Site"] != "cross-site")
                return true;
            answered = ApiProblem.Write(context, StatusCodes.Status403Forbidden, "A web page of another site may not do this here.");
            return false;
        }
        var value = origin.Count == 1 ? origin[0]! : "";
        if (IsOwn(value, request))
            return true;
        if (!_allowed.Contains(value))
        {
            answered = ApiProblem.Write(
                context,
                StatusCodes.Status403Forbidden,
                $"Requests from web pages of another origin are refused; to allow one, add its origin to {SecurityOptions.Section}:AllowedOrigins.");
            return false;
        }
        return PassesAllowed(context, value);
    }

    // What the browser needs to hand our answer to the page (Fetch, CORS protocol).
    private static bool PassesAllowed(HttpContext context, string origin)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.Append("Vary", "Origin");
        if (!HttpMethods.IsOptions(context.Request.Method) || context.Request.Headers.AccessControlRequestMethod.Count == 0)
            return true;
        headers.AccessControlAllowMethods = "GET, POST, PUT, DELETE";
        headers.AccessControlAllowHeaders = $"Authorization, Content-Type, Idempotency-Key, Last-Event-ID, {ApiKeyGuard.Header}";
        headers.AccessControlMaxAge = "600";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return false;
    }

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    // Scheme, host and port equal the request's own; an Origin leaves out its scheme's default port, a Host header may name it.
    private static bool IsOwn(string origin, HttpRequest request)
    {
        var scheme = request.Scheme;
        var host = request.Host.Value ?? "";
        if (!origin.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) || !origin.AsSpan(scheme.Length).StartsWith("://"))
            return false;
        var authority = origin.AsSpan(scheme.Length + 3);
        if (host.Length == 0 || authority.Length == 0)
            return false;
        if (authority.Equals(host, StringComparison.OrdinalIgnoreCase))
            return true;
        var defaultPort = scheme.Equals("https", StringComparison.OrdinalIgnoreCase) ? ":443" : ":80";
        return Without(authority, defaultPort).Equals(Without(host, defaultPort), StringComparison.OrdinalIgnoreCase);
    }

    private static ReadOnlySpan<char> Without(ReadOnlySpan<char> authority, string port) =>
        authority.EndsWith(port, StringComparison.Ordinal) ? authority[..^port.Length] : authority;
}
