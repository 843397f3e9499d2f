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
        var body = buffer.ToArray();
        context.Request.BodyReader.AdvanceTo(buffer.End);
        var items = new List<Range>();
        if (kind == BodyKind.JsonLines)
            BatchReader.CutLines(body, _limits.BatchItems, items);
        else if (BatchReader.CutArray(body, _limits.BatchItems, items) is { } problem)
        {
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, problem);
            return;
        }
        if (items.Count == 0)
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, "The batch is empty; send at least one event.");
        else if (items.Count > _limits.BatchItems)
            await ApiProblem.Write(context, StatusCodes.Status413PayloadTooLarge, $"A batch may have at most {_limits.BatchItems} events.");
        else
            await Publish(context, body, items);
    }

    private async Task Publish(HttpContext context, byte[] body, List<Range> items)
    {
        var response = context.Response;
        var results = new Item[items.Count];
        var calls = new List<PublishCall>();
        try
        {
            for (var i = 0; i < results.Length; i++)
                results[i] = Start(context, body.AsSpan(items[i]), calls);
        }
        finally
        {
            if (calls.Count <= 1)
                publisher.Send(calls);
            else
                fanOut.Together(() => publisher.Send(calls));
        }
        response.ContentType = "application/json";
        var output = new ArrayBufferWriter<byte>(results.Length * 192);
        var separator = (byte)'[';
        foreach (var item in results)
        {
            output.Write([separator]);
            separator = (byte)',';
            await Write(output, item);
        }
        output.Write("]"u8);
        response.ContentLength = output.WrittenCount;
        await response.BodyWriter.WriteAsync(output.WrittenMemory);
    }

    // Every item is on its way before the first is awaited: those of one channel travel together, in order.
    private Item Start(HttpContext context, ReadOnlySpan<byte> utf8, List<PublishCall> calls)
    {
        if (utf8.Length > _limits.BodyBytes)
            return new Item(StatusCodes.Status413PayloadTooLarge, new EventProblem($"An event may have at most {_limits.BodyBytes} bytes.", null), null, default);
        if (!EventReader.TryRead(utf8, null, out var posted, out var problem, maxDepth: _limits.JsonDepth))
            return new Item(StatusCodes.Status400BadRequest, problem, null, default);
        if (!ApiKeyGuard.Allows(context, posted.Channel))
            return new Item(StatusCodes.Status403Forbidden, new EventProblem(ApiKeyGuard.OtherChannels, null), null, default);
        return ApiKeyGuard.TakePublish(context)
            ? new Item(0, default, posted.Channel, publisher.Collect(posted.Channel, IdempotencyScope.OfApiKey(context, posted.Draft), calls))
            : new Item(StatusCodes.Status429TooManyRequests, new EventProblem(ApiKeyGuard.TooMany, null), null, default);
    }

    private static async Task Write(ArrayBufferWriter<byte> output, Item item)
    {
        var (status, problem, outcome) = (item.Status, item.Problem, (string?)null);
        if (item.Channel is not null)
        {
            var result = await item.Publishing; // once: nobody else has it
            if (result.Refusal == PublishRefusal.None)
            {
                PublishReply.WriteItem(output, item.Channel, result);
                return;
            }
            status = PublishReply.StatusOf(result.Refusal);
            problem = new EventProblem(PublishReply.DetailOf(result.Refusal, item.Channel), PublishReply.FieldOf(result.Refusal));
            outcome = PublishReply.OutcomeOf(result.Refusal);
        }
        using var json = new Utf8JsonWriter(output, Readable);
        PublishReply.WriteItem(json, status, problem.Detail, problem.Field, outcome);
    }

    private readonly record struct Item(int Status, EventProblem Problem, string? Channel, ValueTask<PublishResult> Publishing);
}
