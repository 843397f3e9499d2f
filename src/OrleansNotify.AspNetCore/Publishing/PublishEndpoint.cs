using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>
/// <c>POST /api/events</c>: body → draft → grain → 202. A plain request delegate on the pipes of the request: model binding and result objects
/// would cost more than the publication.
/// </summary>
internal sealed partial class PublishEndpoint(ChannelPublisher publisher, IOptions<LimitOptions> limits, ILogger<PublishEndpoint> logger)
{
    private readonly int _maxBytes = limits.Value.BodyBytes;
    private readonly int _maxDepth = limits.Value.JsonDepth;

    /// <summary>Publishes. Answers every error itself.</summary>
    public Task Invoke(HttpContext context) => Invoke(context, null);

    /// <summary>The same, to the user that the path names.</summary>
    public async Task InvokeForUser(HttpContext context)
    {
        var user = (string)context.GetRouteValue("user")!;
        if (ConnectionsEndpoints.CheckUser(user) is { } problem)
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, problem, "user");
        else
            await Invoke(context, user);
    }

    private async Task Invoke(HttpContext context, string? user)
    {
        try
        {
            if (RequestBody.KindOf(context.Request) != BodyKind.Json)
            {
                await ApiProblem.Write(context, StatusCodes.Status415UnsupportedMediaType, "Send Content-Type: application/json (UTF-8) without Content-Encoding.");
                return;
            }
            if (!TryKey(context.Request, out var key, out var problem))
            {
                await ApiProblem.Write(context, StatusCodes.Status400BadRequest, problem, IdempotencyKeyHeader);
                return;
            }
            if (await RequestBody.ReadAll(context.Request, _maxBytes) is not { } body)
            {
                await ApiProblem.Write(context, StatusCodes.Status413PayloadTooLarge, $"The body may have at most {_maxBytes} bytes.");
                return;
            }
            var isEvent = TryRead(body, key, user, out var posted, out var wrong);
            context.Request.BodyReader.AdvanceTo(body.End);
            if (!isEvent)
            {
                await ApiProblem.Write(context, StatusCodes.Status400BadRequest, wrong.Detail, wrong.Field);
                return;
            }
            var caller = ApiKeyGuard.KeyOf(context);
            if (!ApiKeyGuard.Allows(caller, posted.Channel))
            {
                await ApiProblem.Write(context, StatusCodes.Status403Forbidden, ApiKeyGuard.OtherChannels);
                return;
            }
            if (!ApiKeyGuard.TakePublish(caller))
            {
                await ApiProblem.Write(context, StatusCodes.Status429TooManyRequests, ApiKeyGuard.TooMany);
                return;
            }
            // Not cancelled with the request: a publication under way is published.
            var result = await publisher.Publish(posted.Channel, IdempotencyScope.OfApiKey(caller, posted.Draft));
            await (result.Refusal == PublishRefusal.None
                ? PublishReply.WriteAccepted(context.Response, posted.Channel, result)
                : Refuse(context, posted.Channel, result.Refusal));
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            await ApiProblem.Write(context, exception.StatusCode, "The request could not be read.");
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            context.Abort(); // the client has gone
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            LogUnforeseen(exception);
            await ApiProblem.Write(context, StatusCodes.Status500InternalServerError, "A fault of the server's; it has been logged.");
        }
    }

    /// <summary>The header's name.</summary>
    internal const string IdempotencyKeyHeader = "Idempotency-Key";

    private static bool TryKey(HttpRequest request, out string? key, out string problem)
    {
        key = null;
        problem = "";
        if (!request.Headers.TryGetValue(IdempotencyKeyHeader, out var values))
            return true;
        key = values.Count == 1 ? values[0] : null;
        if (string.IsNullOrEmpty(key))
            problem = "Send one Idempotency-Key that is not empty, or none.";
        else if (!PublicationRules.TryCheckIdempotencyKey(key, out var wrong))
            problem = wrong.Replace("\"idempotencyKey\"", IdempotencyKeyHeader, StringComparison.Ordinal);
        return problem.Length == 0;
    }

    private bool TryRead(in ReadOnlySequence<byte> body, string? key, string? user, out PostedEvent posted, out EventProblem problem)
    {
        if (body.IsSingleSegment)
            return EventReader.TryRead(body.FirstSpan, key, out posted, out problem, user, _maxDepth);
        var length = (int)body.Length;
        var whole = ArrayPool<byte>.Shared.Rent(length);
        body.CopyTo(whole);
        var read = EventReader.TryRead(whole.AsSpan(0, length), key, out posted, out problem, user, _maxDepth);
        ArrayPool<byte>.Shared.Return(whole);
        return read;
    }

    private static Task Refuse(HttpContext context, string channel, PublishRefusal refusal) => ApiProblem.Write(
        context,
        PublishReply.StatusOf(refusal),
        PublishReply.DetailOf(refusal, channel),
        PublishReply.FieldOf(refusal),
        PublishReply.OutcomeOf(refusal));

    [LoggerMessage(4030, LogLevel.Error, "An unforeseen fault while publishing.")]
    private partial void LogUnforeseen(Exception exception);
}
