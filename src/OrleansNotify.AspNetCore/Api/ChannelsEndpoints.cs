using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Stats;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Api;

/// <summary><c>/api/channels</c>: what lives, where a channel stands, what it keeps.</summary>
internal sealed partial class ChannelsEndpoints(
    IGrainFactory grains, ChannelList list, ChannelNamespaces namespaces, ChannelLimitOptions limits, StatsReporter reporter, TimeProvider time, ILogger<ChannelsEndpoints> logger)
{
    /// <summary>Channels on a page when nothing is said.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Most channels on a page.</summary>
    public const int MaxLimit = 1000;

    // The count of subscriptions waits up to 1 s for silos that have not reported.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>Live channels, cluster-wide.</summary>
    public async Task<IResult> List(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new ApiQuery(request.Query);
        ChannelPattern? pattern = null;
        query.Text("pattern", text => ChannelPattern.TryParse(text, out pattern) ? null : "The parameter 'pattern' must be a channel name whose levels may be * (one level), the last also ** (one or more).");
        var limit = query.Count("limit", DefaultLimit, 1, MaxLimit);
        var after = query.Text("after");
        return query.Problem ?? TypedResults.Json(await list.Read(pattern, after, limit, cancellationToken), ApiJson.Default.ChannelsReply);
    }

    /// <summary>Where a channel stands.</summary>
    public async Task<IResult> Get(string channel, HttpContext context)
    {
        if (!ChannelParameter.TryRead(context, namespaces, ref channel, out var options, out var refusal))
            return refusal;
        try
        {
            var cancellationToken = context.RequestAborted;
            var reading = grains.GetGrain<IChannelGrain>(channel).GetPosition(CancellationToken.None).AsTask();
            ChannelCount? count = null;
            if (!ChannelName.IsUnlisted(channel))
            {
                await reporter.Flush(cancellationToken);
                count = await grains.GetGrain<IStatsGrain>(0).Count(channel, CancellationToken.None).AsTask().WaitAsync(Deadline, time, cancellationToken);
            }
            var position = await reading.WaitAsync(Deadline, time, cancellationToken);
            return TypedResults.Json(
                new ChannelReply(channel, position.Epoch.ToString(), position.Offset, options.Class != ChannelClass.Ephemeral, count?.Subscriptions, count?.Partial ?? false),
                ApiJson.Default.ChannelReply);
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Unreachable(channel, exception);
        }
    }

    /// <summary>What a channel keeps.</summary>
    public async Task<IResult> History(string channel, HttpContext context)
    {
        if (!ChannelParameter.TryRead(context, namespaces, ref channel, out _, out var refusal))
            return refusal;
        var query = new ApiQuery(context.Request.Query);
        ChannelEpoch? epoch = query.Text("epoch") switch
        {
            null => null,
            var text => ChannelEpoch.TryParse(text, out var parsed) ? parsed : ChannelEpoch.None, // none of ours: as foreign as any other
        };
        var since = query.Offset("since");
        var limit = query.Count("limit", limits.HistoryPageSize, 0, limits.HistoryPageSize);
        var reverse = query.Flag("reverse");
        if (epoch is not null && since is null)
            query.Fail("since", "The parameter 'epoch' goes with 'since': together they are the position to read from.");
        if (query.Problem is not null)
            return query.Problem;
        try
        {
            var request = new HistoryRequest(since ?? 0, ulong.MaxValue, limit, reverse, ChannelEpoch.None);
            var page = await grains.GetGrain<IChannelGrain>(channel).Read(request, CancellationToken.None).AsTask().WaitAsync(Deadline, time, context.RequestAborted);
            if (page.Superseded)
                return ApiProblem.Unreachable("The channel");
            if ((epoch is not null && epoch != page.Position.Epoch) || since > page.Position.Offset)
                return UnknownPosition(page.Position);
            return new HistoryPageResult(channel, page);
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Unreachable(channel, exception);
        }
    }

    /// <summary>Who is on a channel.</summary>
    public async Task<IResult> Presence(string channel, HttpContext context)
    {
        if (!ChannelParameter.TryRead(context, namespaces, ref channel, out _, out var refusal))
            return refusal;
        if (!namespaces.HasPresence(channel))
            return ApiProblem.NotFound(ChannelNamespaces.NoPresence);
        try
        {
            var state = await grains.GetGrain<IChannelGrain>(channel).GetPresence(withMembers: true, CancellationToken.None).AsTask().WaitAsync(Deadline, time, context.RequestAborted);
            return new PresenceResult(channel, state);
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Unreachable(channel, exception);
        }
    }

    /// <summary>Erases what a channel keeps; its offsets go on.</summary>
    public async Task<IResult> Erase(string channel, HttpContext context)
    {
        if (!ChannelParameter.TryRead(context, namespaces, ref channel, out _, out var refusal))
            return refusal;
        try
        {
            await grains.GetGrain<IChannelGrain>(channel).Erase(CancellationToken.None).AsTask().WaitAsync(Deadline, time, context.RequestAborted);
            return TypedResults.NoContent();
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Unreachable(channel, exception);
        }
    }

    private IResult Unreachable(string channel, Exception exception)
    {
        LogCallFailed(channel, exception);
        return ApiProblem.Unreachable("The channel");
    }

    private static ProblemHttpResult UnknownPosition(ChannelPosition now) => TypedResults.Problem(
        "The channel does not know this position (another epoch, or an offset to come); read again without epoch and since.",
        statusCode: StatusCodes.Status409Conflict,
        extensions: new Dictionary<string, object?> { ["epoch"] = now.Epoch.ToString(), ["offset"] = now.Offset });

    [LoggerMessage(4013, LogLevel.Warning, "Channel {Channel}: a call failed.")]
    private partial void LogCallFailed(string channel, Exception exception);

    // Payloads go out byte for byte, so by the protocol's own writer.
    private sealed class HistoryPageResult(string channel, HistoryPage page) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var output = new ArrayBufferWriter<byte>(1024);
            // Names and epochs have nothing to escape.
            Utf8Text(output, $"{{\"channel\":\"{channel}\",\"epoch\":\"{page.Position.Epoch}\",\"offset\":{page.Position.Offset},\"gapless\":{(page.Gapless ? "true" : "false")},\"publications\":[");
            for (var i = 0; i < page.Publications.Length; i++)
            {
                if (i > 0)
                    output.Write(","u8);
                JsonReplyWriter.WritePublication(output, page.Publications[i]);
            }
            output.Write("]}"u8);
            await Answer(httpContext, output);
        }
    }

    // What tokens say of their users goes out as it is, too.
    private sealed class PresenceResult(string channel, PresenceState state) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var output = new ArrayBufferWriter<byte>(1024);
            Utf8Text(output, $"{{\"channel\":\"{channel}\",\"total\":{state.Total},\"users\":{state.Users}");
            if (state.Members is { } members)
                JsonReplyWriter.WriteMembers(output, members);
            output.Write("}"u8);
            await Answer(httpContext, output);
        }
    }

    private static async Task Answer(HttpContext httpContext, ArrayBufferWriter<byte> output)
    {
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = output.WrittenCount;
        await httpContext.Response.BodyWriter.WriteAsync(output.WrittenMemory, httpContext.RequestAborted);
    }

    private static void Utf8Text(IBufferWriter<byte> output, string text) => Encoding.UTF8.GetBytes(text, output);
}
