using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary><c>GET /sse?channel=a&amp;channel=b</c>: one response that goes on, one session that is subscribed to these channels.</summary>
internal sealed class SseEndpoint(INotifySessions sessions, HandshakeLimit handshakes, DevelopmentUser developmentUser, IOptions<LimitOptions> limits)
{
    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder routes, SseEndpoint endpoint) =>
        routes.MapGet("/sse", endpoint.Invoke).ExcludeFromDescription();

    private async Task Invoke(HttpContext context)
    {
        if (SseRequest.Read(context.Request, limits.Value.SubscriptionsPerConnection, sessions.HistoryPageSize, out var request) is { } wrong)
            await wrong.ExecuteAsync(context);
        else if (developmentUser.Read(context, out var user) is { } refusal)
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, refusal, "user");
        else
            await Invoke(context, request!, user);
    }

    private async Task Invoke(HttpContext context, SseRequest request, string? user)
    {
        var subscribe = request.Subscribe();
        var sink = new SseSink(context, new SsePositions(request));
        var start = new SessionStart(user, "sse", SseFormat.Instance, sink, PresentedToken.Of(context.Request));
        // A browser's EventSource comes back for ever to a stream that ends, and never to an error: what can be refused is refused before it begins.
        if (await sessions.Check(start, subscribe, context.RequestAborted) is { } refused)
        {
            await Refuse(context, refused);
            return;
        }
        if (!handshakes.TryEnter())
        {
            await ApiProblem.Write(context, StatusCodes.Status503ServiceUnavailable, HandshakeLimit.TooMany);
            return;
        }
        try
        {
            // Slowness is the outbox's business: Kestrel's own minimum would cut the connection without a farewell.
            context.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
            SilentPeer.Limit(context, limits.Value.PongTimeout);
            await Run(context, subscribe, await Begin(context, start), sink.Closed);
        }
        finally
        {
            handshakes.Left();
        }
    }

    private async Task<INotifySession> Begin(HttpContext context, SessionStart start)
    {
        try
        {
            var response = context.Response;
            response.ContentType = "text/event-stream";
            response.Headers.CacheControl = "no-cache, no-transform";
            response.Headers["X-Accel-Buffering"] = "no"; // nginx and those who follow it would keep events back
            // Each client comes back after its own while: those of a silo that ends do not return in one moment.
            var retry = string.Create(CultureInfo.InvariantCulture, $"retry: {Random.Shared.Next(500, 2000)}\n\n");
            await response.Body.WriteAsync(Encoding.ASCII.GetBytes(retry));
            return await sessions.Begin(start, context.RequestAborted);
        }
        finally
        {
            handshakes.Exit();
        }
    }

    private static async Task Run(HttpContext context, SubscribeCommand[] subscribe, INotifySession session, Task closed)
    {
        foreach (var command in subscribe)
            await session.Handle(command);
        await closed.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!closed.IsCompleted)
            await session.End(null); // the client has gone
    }

    private static Task Refuse(HttpContext context, SessionRefusal refused)
    {
        var status = refused.Code switch
        {
            NotifyError.Unauthorized or NotifyError.TokenExpired => StatusCodes.Status401Unauthorized,
            NotifyError.PermissionDenied => StatusCodes.Status403Forbidden,
            NotifyError.UnknownChannel => StatusCodes.Status404NotFound,
            NotifyError.LimitExceeded => StatusCodes.Status429TooManyRequests,
            NotifyError.NotAvailable => StatusCodes.Status400BadRequest,
            _ => StatusCodes.Status503ServiceUnavailable,
        };
        if (status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        return ApiProblem.Write(context, status, refused.Message, refused.IsToken ? "token" : refused.Channel is null ? null : "channel");
    }
}
