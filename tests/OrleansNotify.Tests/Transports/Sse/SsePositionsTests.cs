using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using OrleansNotify.AspNetCore.Transports.Sse;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Transports.Sse;

/// <summary>What the ids of a stream say, frame by frame.</summary>
public sealed class SsePositionsTests
{
    private static readonly ChannelEpoch First = new(1, 0x10, 0xa);
    private static readonly ChannelEpoch Second = new(2, 0x20, 0xb);
    private static readonly SseFormat Format = SseFormat.Instance;

    [Fact]
    public void Every_event_tells_all_positions()
    {
        var positions = new SsePositions(Request("?channel=a&channel=b"));

        Assert.Equal(["1-10-a:4,"], Ids(positions, Subscribed("a", First, 4)));
        Assert.Equal(["1-10-a:4,2-20-b:0"], Ids(positions, Subscribed("b", Second, 0)));
        Assert.Equal(["1-10-a:5,2-20-b:0", "1-10-a:6,2-20-b:0"], Ids(positions, Event("a", 5), Event("a", 6))); // of one write
        Assert.Equal(["1-10-a:6,2-20-b:1"], Ids(positions, Event("b", 1)));
    }

    [Fact]
    public void An_epoch_stays_until_another_comes()
    {
        var positions = new SsePositions(Request("?channel=a"));
        Ids(positions, Subscribed("a", First, 4));

        Assert.Equal(["2-20-b:1"], Ids(positions, Event("a", 1, Second)));
        Assert.Equal(["2-20-b:2"], Ids(positions, Event("a", 2)));
        Assert.Equal(["1-10-a:9"], Ids(positions, Format.Position("a", new ChannelPosition(First, 9), recovered: false).Bytes));
    }

    [Fact]
    public void Who_recovers_is_where_he_was_until_the_missed_ones_are_there()
    {
        var positions = new SsePositions(Request("?channel=a&channel=b&since=1-10-a:3,"));

        Assert.Equal(new string?[] { null }, Ids(positions, Subscribed("a", First, 5, recovered: true)));
        Assert.Equal(["1-10-a:3,2-20-b:7"], Ids(positions, Subscribed("b", Second, 7)));
        Assert.Equal(["1-10-a:4,2-20-b:7"], Ids(positions, Event("a", 4)));
    }

    [Fact]
    public void Who_could_not_recover_goes_on_from_the_new_position()
    {
        var positions = new SsePositions(Request("?channel=a&since=not-ours:3"));

        Assert.Equal(["1-10-a:5"], Ids(positions, Subscribed("a", First, 5, recovered: false)));
    }

    [Fact]
    public void Events_of_channels_that_were_not_asked_for_have_no_id()
    {
        var positions = new SsePositions(Request("?channel=a"));
        Ids(positions, Subscribed("a", First, 4));

        Assert.Equal([null, "1-10-a:5"], Ids(positions, Event("@system", 77, Second), Event("a", 5)));
    }

    [Fact]
    public void Replies_without_a_position_and_comments_pass_as_they_are()
    {
        var positions = new SsePositions(Request("?channel=a"));
        byte[][] frames = [Format.KeepAlive!.Bytes, Format.Dropped("a", NotifyError.PermissionDenied).Bytes, Format.Close(DisconnectCode.Shutdown, "bye")!.Bytes];

        Assert.Equal(
            """
            :

            data: {"type":"unsubscribed","channel":"a","code":103}

            event: close
            data: {"type":"close","code":3001,"reason":"bye"}


            """.ReplaceLineEndings("\n"),
            Copy(positions, frames));
    }

    [Theory]
    [InlineData("{\"n\":\n1}", "{\"n\":\n1}")]
    [InlineData("{\"n\":\r\n1}", "{\"n\":\n\n1}")]
    [InlineData("{\n\n\"id: \":\"id: x\"}", "{\n\n\"id: \":\"id: x\"}")]
    public void Line_ends_between_tokens_are_joined_by_line_feeds(string published, string received)
    {
        var positions = new SsePositions(Request("?channel=a"));
        var stream = Copy(positions, [Format.Subscribed(default, "a", new ChannelPosition(First, 0), true, null).Bytes, Event("a", 1, null, published)]);

        var data = string.Join('\n', stream.Split("\n\n")[1].Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line["data: ".Length..]));
        Assert.EndsWith($"{received[1..]}}}", data, StringComparison.Ordinal);
        Assert.Single(stream.Split('\n'), line => line == "id: 1-10-a:1");
    }

    private static SseRequest Request(string query)
    {
        var context = new DefaultHttpContext { Request = { QueryString = new QueryString(query) } };
        Assert.Null(SseRequest.Read(context.Request, 10, 300, out var request));
        return request!;
    }

    private static byte[] Subscribed(string channel, ChannelEpoch epoch, ulong offset, bool? recovered = null) =>
        Format.Subscribed(default, channel, new ChannelPosition(epoch, offset), true, recovered).Bytes;

    private static byte[] Event(string channel, ulong offset, ChannelEpoch? epoch = null, string data = "{\"n\":1}")
    {
        var payload = Encoding.UTF8.GetBytes(data);
        Assert.True(JsonPayload.TryCheck(payload, out var shape, out _));
        var output = new ArrayBufferWriter<byte>();
        Format.WriteEvent(output, channel, epoch, new Publication("evt_1", offset, payload, shape, DateTimeOffset.UnixEpoch));
        return output.WrittenSpan.ToArray();
    }

    // Of each event its id, or null.
    private static List<string?> Ids(SsePositions positions, params byte[][] frames) =>
        [.. Copy(positions, frames).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e.Split('\n').Where(line => line.StartsWith("id: ", StringComparison.Ordinal)).Select(line => line["id: ".Length..]).SingleOrDefault())];

    private static string Copy(SsePositions positions, byte[][] frames)
    {
        var output = new ArrayBufferWriter<byte>();
        positions.Copy(frames.SelectMany(frame => frame).ToArray(), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
