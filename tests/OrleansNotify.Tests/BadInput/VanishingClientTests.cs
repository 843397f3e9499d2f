using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Clients that go in the middle of something: nothing of them stays, and the others lose nothing.</summary>
public sealed class VanishingClientTests(BadInputServer server) : BadInputTest(server)
{
    private const int Witness = 1;

    private string Request => $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    [Theory]
    [InlineData(0, true)]
    [InlineData(10, true)]
    [InlineData(100, true)]
    [InlineData(int.MaxValue, true)] // all of it, gone before the answer
    [InlineData(10, false)]
    [InlineData(int.MaxValue, false)]
    public async Task A_client_gone_in_the_middle_of_the_handshake_leaves_nothing(int sent, bool reset)
    {
        for (var i = 0; i < 20; i++)
        {
            await using var raw = await RawSocket.ConnectAsync(Server.Port);
            await raw.Send(Encoding.ASCII.GetBytes(Request).AsMemory(0, Math.Min(sent, Request.Length)));
            if (reset)
                raw.Reset();
        }
        await AssertNothingLeft("none");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(60)]
    public async Task A_client_gone_in_the_middle_of_a_frame_leaves_nothing(int sent)
    {
        await using (var ends = await Subscribed("gone.frame"))
            await ends.Send(RawSocket.Frame(1, new byte[100]).AsMemory(0, sent));
        await using var resets = await Subscribed("gone.frame");
        await resets.Send(RawSocket.Frame(1, new byte[100]).AsMemory(0, sent));
        resets.Reset();
        await AssertNothingLeft("gone.frame");
    }

    [Fact]
    public async Task A_client_gone_between_fragments_leaves_nothing()
    {
        await using var raw = await Subscribed("gone.fragment");
        await raw.SendFrame(1, new byte[100], fin: false);
        raw.Reset();
        await AssertNothingLeft("gone.fragment");
    }

    [Fact]
    public async Task A_client_gone_while_it_subscribes_leaves_nothing()
    {
        for (var i = 0; i < 50; i++)
        {
            await using var raw = await Server.Open();
            for (var n = 0; n < 10; n++)
                await raw.SendText($$"""{"type":"subscribe","channel":"gone.subscribing.{{n}}","history":10}""");
            raw.Reset();
        }
        for (var n = 0; n < 10; n++)
            await AssertNothingLeft($"gone.subscribing.{n}");
    }

    [Fact]
    public async Task Clients_gone_in_the_middle_of_a_fan_out_cost_the_others_nothing()
    {
        const string channel = "gone.fanout";
        const int events = 400;
        var staying = new List<WsClient>();
        for (var i = 0; i < 10; i++)
            staying.Add(await Server.Server.WebSocket.Subscribed(channel));
        var leaving = new List<RawSocket>();
        for (var i = 0; i < 40; i++)
            leaving.Add(await Subscribed(channel));

        var data = $$"""{"n":0,"fill":"{{new string('x', 4000)}}"}""";
        for (var n = 1; n <= events; n++)
        {
            var publishing = Server.Http.Publish(channel, data);
            if (n % 10 == 0)
                leaving[(n / 10) - 1].Reset(); // none of them has read anything
            await publishing;
        }

        foreach (var client in staying)
        {
            Assert.Equal(Enumerable.Range(1, events).Select(n => (ulong)n), (await client.TakeEvents(events)).Offsets());
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
        }
        await Until.Equal((Witness + staying.Count, staying.Count), "those who stay", () => Server.Http.Stats(channel));
        foreach (var client in staying)
            await client.DisposeAsync();
        await AssertNothingLeft(channel);
    }

    private async Task<RawSocket> Subscribed(string channel)
    {
        var raw = await Server.Open();
        Assert.Equal("subscribed", (await raw.Ask($$"""{"type":"subscribe","channel":"{{channel}}"}""")).GetProperty("type").GetString());
        return raw;
    }

    private Task AssertNothingLeft(string channel) => Until.Equal((Witness, 0), "connections and subscriptions", () => Server.Http.Stats(channel));
}
