using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Api;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>
/// Asks for an API key, once there is one in the configuration. It is a part of each endpoint, not of the pipeline: in whatever order a host puts its
/// middleware together, there is no way around it.
/// </summary>
internal static class ApiKeyGuard
{
    /// <summary>A header that takes the key alone; <c>Authorization: Bearer</c> does as well.</summary>
    public const string Header = "X-API-Key";

    private const string Bearer = "Bearer ";

    /// <summary>Demands a key for an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="scope">What the key must be for.</param>
    /// <param name="everyChannel">Whether the endpoint tells of, or acts on, all channels at once: a key limited to some of them will not do. Otherwise the endpoint asks <see cref="Allows"/>.</param>
    public static T Requires<T>(this T endpoint, ApiScopes scope, bool everyChannel = false)
        where T : IEndpointConventionBuilder
    {
        var required = new RequiredScope(scope, everyChannel);
        endpoint.WithMetadata(required, Refusal(StatusCodes.Status401Unauthorized), Refusal(StatusCodes.Status403Forbidden));
        endpoint.Finally(built =>
        {
            var next = built.RequestDelegate ?? throw new InvalidOperationException($"{built.DisplayName} has nothing to guard.");
            // Found once: a request that asks for a service gets a scope of its own for it.
            var keys = built.ApplicationServices.GetRequiredService<ApiKeys>();
            if (keys.IsOn)
                built.RequestDelegate = context => Refuse(context, keys, required) is { } refused ? refused : next(context);
        });
        return endpoint;
    }

    /// <summary>The caller's key; null where none is asked for.</summary>
    public static ApiKey? KeyOf(HttpContext context) => context.Features.Get<ApiKey>();

    /// <summary>Whether the caller's key, if one is asked for, covers a channel.</summary>
    public static bool Allows(ApiKey? key, string channel) => key is null || key.Channels.Cover(channel);

    /// <summary>What to say when it does not.</summary>
    public const string OtherChannels = "This API key is for other channels.";

    /// <summary>Counts a publication: false when the caller's key has none left for now.</summary>
    public static bool TakePublish(ApiKey? key) => key?.Rate is not { } rate || rate.TryTake();

    /// <summary>What to say then.</summary>
    public const string TooMany = "Too many publications a second with this API key: this request published nothing, try again in a moment.";

    private static Task? Refuse(HttpContext context, ApiKeys keys, RequiredScope required)
    {
        if (Presented(context.Request) is not { } presented)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return ApiProblem.Write(context, StatusCodes.Status401Unauthorized, $"Send an API key: \"Authorization: Bearer <key>\" or \"{Header}: <key>\".");
        }
        if (keys.Find(presented) is not { } key)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\""; // RFC 6750 3.1
            return ApiProblem.Write(context, StatusCodes.Status401Unauthorized, "This API key is not known here.");
        }
        if (!key.May(required.Scope))
            return ApiProblem.Write(context, StatusCodes.Status403Forbidden, $"This API key lacks the scope {ApiKeys.NameOf(required.Scope)}.");
        if (required.EveryChannel && !key.Channels.IsEverything)
            return ApiProblem.Write(context, StatusCodes.Status403Forbidden, "This API key is limited to some channels, and this address is about all of them.");
        context.Features.Set(key);
        return null;
    }

    // Null: none, or more than one.
    private static string? Presented(HttpRequest request)
    {
        var (bearer, bare) = (request.Headers.Authorization, request.Headers[Header]);
        if (bearer.Count + bare.Count != 1)
            return null;
        if (bare.Count == 1)
            return bare[0];
        return bearer[0] is { } text && text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? text[Bearer.Length..].Trim() : null;
    }

    private static ProducesResponseTypeMetadata Refusal(int status) => new(status, typeof(ProblemDetails), ["application/problem+json"]);
}

/// <summary>What an endpoint demands of a key; for the table of all endpoints that a test holds.</summary>
internal sealed record RequiredScope(ApiScopes Scope, bool EveryChannel);
