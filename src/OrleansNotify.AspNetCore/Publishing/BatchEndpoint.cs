using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary><c>POST /api/events/batch</c>: many events, a result for each, in order. A bad item fails alone; items of one channel keep their order.</summary>
internal sealed class BatchEndpoint(ChannelPublisher publisher, IFanOut fanOut, IOptions<LimitOptions> limits)
{
    // Sentences quote; nobody puts this answer into a page unread.
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // An answer to a batch of the usual size; larger ones are left to the collector.
    private const int MostKept = 64 << 10;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_output;

    private readonly LimitOptions _limits = limits.Value;

    /// <summary>Publishes.</summary>
    public async Task Invoke(HttpContext context)
    {
        var kind = RequestBody.KindOf(context.Request);
        if (kind == BodyKind.Refused)
        {
            await ApiProblem.Write(context, StatusCodes.Status415UnsupportedMediaType, "Send Content-Type: application/json (an array) or application/x-ndjson, UTF-8, without Content-Encoding.");
            return;
        }
        if (context.Request.Headers.ContainsKey(PublishEndpoint.IdempotencyKeyHeader))
        {
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, "A batch takes an \"idempotencyKey\" in each item, not the header.", PublishEndpoint.IdempotencyKeyHeader);
            return;
        }
        if (await RequestBody.ReadAll(context.Request, _limits.BatchBytes) is not { } buffer)
        {
            await ApiProblem.Write(context, StatusCodes.Status413PayloadTooLarge, $"A batch may have at most {_limits.BatchBytes} bytes.");
            return;
        }
        var body = ArrayPool<byte>.Shared.Rent((int)buffer.Length);
        try
        {
            buffer.CopyTo(body);
            var length = (int)buffer.Length;
            context.Request.BodyReader.AdvanceTo(buffer.End);
            await Publish(context, kind, body.AsMemory(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(body);
        }
    }

    private Task Publish(HttpContext context, BodyKind kind, ReadOnlyMemory<byte> body)
    {
        var items = new List<Range>();
        if (kind == BodyKind.JsonLines)
            BatchReader.CutLines(body.Span, _limits.BatchItems, items);
        else if (BatchReader.CutArray(body.Span, _limits.BatchItems, items) is { } problem)
            return ApiProblem.Write(context, StatusCodes.Status400BadRequest, problem);
        if (items.Count == 0)
            return ApiProblem.Write(context, StatusCodes.Status400BadRequest, "The batch is empty; send at least one event.");
        if (items.Count > _limits.BatchItems)
            return ApiProblem.Write(context, StatusCodes.Status413PayloadTooLarge, $"A batch may have at most {_limits.BatchItems} events.");
        return Publish(context, body, items);
    }

    private async Task Publish(HttpContext context, ReadOnlyMemory<byte> body, List<Range> items)
    {
        var posted = new Item[items.Count];
        var batch = new PostedBatch(items.Count);
        var key = ApiKeyGuard.KeyOf(context);
        for (var i = 0; i < posted.Length; i++)
            posted[i] = Read(body.Span[items[i]], key, batch);
        Task<PublishResult[]>? publishing = null;
        if (batch.Channels > 1)
            fanOut.Together(() => publishing = publisher.Publish(batch));
        else
            publishing = publisher.Publish(batch);
        Answer(context.Response, posted, await publishing!);
    }

    // Without a wait, so that what is written into can be the thread's. The server flushes at the end of the request.
    private static void Answer(HttpResponse response, Item[] posted, PublishResult[] results)
    {
        var output = t_output ??= new ArrayBufferWriter<byte>();
        output.ResetWrittenCount();
        var published = 0;
        var separator = (byte)'[';
        foreach (var item in posted)
        {
            output.Write([separator]);
            separator = (byte)',';
            if (item.Channel is null)
                WriteProblem(output, item.Status, item.Problem.Detail, item.Problem.Field);
            else
                WriteResult(output, item.Channel, results[published++]);
        }
        output.Write("]"u8);
        response.ContentType = "application/json";
        response.ContentLength = output.WrittenCount;
        response.BodyWriter.Write(output.WrittenSpan);
        if (output.Capacity > MostKept)
            t_output = null;
    }

    private Item Read(ReadOnlySpan<byte> utf8, ApiKey? key, PostedBatch batch)
    {
        if (utf8.Length > _limits.BodyBytes)
            return new Item(StatusCodes.Status413PayloadTooLarge, new EventProblem($"An event may have at most {_limits.BodyBytes} bytes.", null), null);
        if (!EventReader.TryRead(utf8, null, out var posted, out var problem, maxDepth: _limits.JsonDepth))
            return new Item(StatusCodes.Status400BadRequest, problem, null);
        if (!ApiKeyGuard.Allows(key, posted.Channel))
            return new Item(StatusCodes.Status403Forbidden, new EventProblem(ApiKeyGuard.OtherChannels, null), null);
        if (!ApiKeyGuard.TakePublish(key))
            return new Item(StatusCodes.Status429TooManyRequests, new EventProblem(ApiKeyGuard.TooMany, null), null);
        batch.Add(posted with { Draft = IdempotencyScope.OfApiKey(key, posted.Draft) });
        return new Item(0, default, posted.Channel);
    }

    private static void WriteResult(ArrayBufferWriter<byte> output, string channel, in PublishResult result)
    {
        if (result.Refusal == PublishRefusal.None)
            PublishReply.WriteItem(output, channel, result);
        else
            WriteProblem(output, PublishReply.StatusOf(result.Refusal), PublishReply.DetailOf(result.Refusal, channel), PublishReply.FieldOf(result.Refusal), PublishReply.OutcomeOf(result.Refusal));
    }

    private static void WriteProblem(ArrayBufferWriter<byte> output, int status, string detail, string? field, string? outcome = null)
    {
        using var json = new Utf8JsonWriter(output, Readable);
        PublishReply.WriteItem(json, status, detail, field, outcome);
    }

    /// <param name="Status">Of what is not published.</param>
    /// <param name="Problem">Why it is not.</param>
    /// <param name="Channel">Null: it is not.</param>
    private readonly record struct Item(int Status, EventProblem Problem, string? Channel);
}
