using Microsoft.AspNetCore.Http;
using OrleansNotify.AspNetCore.Api;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>Before anything that answers: is the request meant for this server, and does it come from where it may.</summary>
internal sealed class SecurityMiddleware(RequestDelegate next, OriginGuard origins, HostGuard hosts)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!hosts.Passes(context.Request))
        {
            return ApiProblem.Write(
                context,
                StatusCodes.Status421MisdirectedRequest,
                $"This server is not known by that host name; to allow it, add it to {SecurityOptions.Section}:AllowedHosts.");
        }
        return origins.Passes(context, out var answered) ? next(context) : answered;
    }
}
