using System.Text;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.BadInput;

/// <summary>RFC 6455 against the grain: what is unusual works, what is wrong ends the connection with the code that says so.</summary>
public sealed class FramingTests(BadInputServer server) : BadInputTest(server)
{
    private const int Continuation = 0;
    private const int Text = 1;
    private const int Binary = 2;
    private const int Close = 8;
    private const int Ping = 9;
    private const int Pong = 10;

    private static readonly byte[] PingCommand = """{"type":"ping"}"""u8.ToArray();

    [Fact]
    public async Task A_message_in_fragments_works()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PingCommand.AsSpan(0, 5), fin: false);
        await raw.SendFrame(Continuation, [], fin: false);
        await raw.SendFrame(Continuation, PingCommand.AsSpan(5, 3), fin: false);
        await raw.SendFrame(Continuation, PingCommand.AsSpan(8), fin: false);
        await raw.SendFrame(Continuation, []);
        Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Frames_split_by_byte_work()
    {
        await using var raw = await Server.Open();
        await raw.SendBytewise(RawSocket.Frame(Text, """{"type":"subscribe","channel":"bytewise","id":"ä"}"""u8));
        Assert.Equal("ä", (await raw.Next()).GetProperty("id").GetString());
        await raw.SendBytewise(RawSocket.Frame(Ping, "12"u8));
        Assert.Equal((Pong, "12"), Seen(await raw.ReadFrame()));
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Many_frames_in_one_write_work()
    {
        await using var raw = await Server.Open();
        var frame = RawSocket.Frame(Text, PingCommand);
        await raw.Send((byte[])[.. Enumerable.Repeat(frame, 50).SelectMany(bytes => bytes)]);
        for (var i = 0; i < 50; i++)
            Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_character_split_between_fragments_works()
    {
        await using var raw = await Server.Open();
        var message = """{"type":"ping","id":"€"}"""u8.ToArray();
        var middle = Array.IndexOf(message, (byte)0xE2) + 1;
        await raw.SendFrame(Text, message.AsSpan(0, middle), fin: false);
        await raw.SendFrame(Continuation, message.AsSpan(middle));
        Assert.Equal("€", (await raw.Next()).GetProperty("id").GetString());
    }

    [Theory]
    [InlineData(64 << 10, null)]
    [InlineData((64 << 10) + 1, 1009)]
    [InlineData(1 << 20, 1009)]
    public async Task A_message_may_have_64_KiB_and_not_a_byte_more(int length, int? close)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PaddedPing(length));
        if (close is null)
            Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
        else
            Assert.Equal(close, await raw.ReadCloseCode());
    }

    [Fact]
    public async Task A_message_of_many_fragments_may_have_64_KiB_and_not_a_byte_more()
    {
        await using var raw = await Server.Open();
        var message = PaddedPing((64 << 10) + 1);
        for (var sent = 0; sent < 64 << 10; sent += 1024)
            await raw.SendFrame(sent == 0 ? Text : Continuation, message.AsSpan(sent, 1024), fin: false);
        await raw.SendFrame(Ping, "still there"u8);
        Assert.Equal((Pong, "still there"), Seen(await raw.ReadFrame()));

        await raw.SendFrame(Continuation, message.AsSpan(64 << 10), fin: true);

        Assert.Equal(1009, await raw.ReadCloseCode());
    }

    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0xC0, 0x80 })] // overlong
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })] // a surrogate
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })] // beyond U+10FFFF
    [InlineData(new byte[] { 0xE2, 0x82 })] // cut off
    public async Task Text_that_is_not_utf8_ends_the_connection_with_1007(byte[] wrong)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, [.. "{\"type\":\"ping\",\"id\":\""u8, .. wrong, .. "\"}"u8]);
        Assert.Equal(1007, await raw.ReadCloseCode());
        Assert.Null(await raw.ReadFrame());
    }

    [Fact]
    public async Task A_binary_message_is_107_and_the_connection_goes_on()
    {
        await using var raw = await Server.Open();
        const string words = "Send commands as JSON in text frames; binary frames are not used by this subprotocol.";
        await raw.SendFrame(Binary, PingCommand);
        (await raw.Next()).AssertError(107, words);
        await raw.SendFrame(Binary, [0xFF, 0x00], fin: false);
        await raw.SendFrame(Continuation, [0xC0]);
        (await raw.Next()).AssertError(107, words);
        await raw.SendFrame(Binary, []);
        (await raw.Next()).AssertError(107, words);
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task An_unmasked_frame_ends_the_connection_with_1002()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PingCommand, masked: false);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task An_unmasked_frame_behind_good_ones_in_the_same_write_ends_the_connection_with_1002()
    {
        await using var raw = await Server.Open();
        await raw.Send((byte[])[
            .. RawSocket.Frame(Text, PaddedPing(300)), .. RawSocket.Frame(Ping, "a"u8), .. RawSocket.Frame(Text, PaddedPing(64 << 10)),
            .. RawSocket.Frame(Ping, "unmasked"u8, masked: false)]);
        Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
        Assert.Equal((Pong, "a"), Seen(await raw.ReadFrame()));
        Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(7)]
    public async Task A_reserved_bit_ends_the_connection_with_1002(int rsv)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PingCommand, rsv: rsv);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(0xB)]
    [InlineData(0xF)]
    public async Task A_reserved_opcode_ends_the_connection_with_1002(int opcode)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(opcode, PingCommand);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Theory]
    [InlineData(Text)]
    [InlineData(Binary)]
    public async Task A_length_with_its_top_bit_set_ends_the_connection_with_1002(int opcode)
    {
        await using var raw = await Server.Open();
        await raw.Send(RawSocket.Frame(opcode, PingCommand, declaredLength: long.MinValue + PingCommand.Length));
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task A_frame_that_claims_to_be_enormous_ends_at_64_KiB_with_1009()
    {
        await using var raw = await Server.Open();
        await raw.Send(RawSocket.Frame(Text, PaddedPing((64 << 10) + 1), declaredLength: long.MaxValue));
        Assert.Equal(1009, await raw.ReadFirstCloseCode());
    }

    [Theory]
    [InlineData(Ping)]
    [InlineData(Pong)]
    [InlineData(Close)]
    public async Task A_control_frame_of_126_bytes_ends_the_connection_with_1002(int opcode)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(opcode, new byte[126]);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Theory]
    [InlineData(Ping)]
    [InlineData(Pong)]
    [InlineData(Close)]
    public async Task A_control_frame_in_fragments_ends_the_connection_with_1002(int opcode)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(opcode, [], fin: false);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task A_continuation_of_nothing_ends_the_connection_with_1002()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Continuation, PingCommand);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task A_new_message_in_the_middle_of_one_ends_the_connection_with_1002()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PingCommand.AsSpan(0, 4), fin: false);
        await raw.SendFrame(Text, PingCommand);
        Assert.Equal(1002, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task Pings_are_answered_in_order_with_their_payload()
    {
        await using var raw = await Server.Open();
        var payloads = Enumerable.Range(0, 100).Select(i => i == 50 ? new string('x', 125) : i == 51 ? "" : $"{i}").ToList();
        await raw.Send((byte[])[.. payloads.SelectMany(payload => RawSocket.Frame(Ping, Encoding.UTF8.GetBytes(payload)))]);
        foreach (var payload in payloads)
            Assert.Equal((Pong, payload), Seen(await raw.ReadFrame()));
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Pings_between_fragments_are_answered_at_once()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Text, PingCommand.AsSpan(0, 5), fin: false);
        await raw.SendFrame(Ping, "one"u8);
        Assert.Equal((Pong, "one"), Seen(await raw.ReadFrame()));
        await raw.SendFrame(Continuation, PingCommand.AsSpan(5, 5), fin: false);
        await raw.SendFrame(Ping, "two"u8);
        Assert.Equal((Pong, "two"), Seen(await raw.ReadFrame()));
        await raw.SendFrame(Continuation, PingCommand.AsSpan(10));
        Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_pong_nobody_asked_for_is_passed_over()
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Pong, "unasked"u8);
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData(new byte[] { }, 1000)]
    [InlineData(new byte[] { 0x03, 0xE8 }, 1000)]
    [InlineData(new byte[] { 0x03, 0xE9, (byte)'b', (byte)'y', (byte)'e' }, 1001)]
    [InlineData(new byte[] { 0x0F, 0xA1 }, 4001)]
    [InlineData(new byte[] { 0x03 }, 1002)] // half a code
    [InlineData(new byte[] { 0x03, 0xED }, 1002)] // 1005 must not be sent
    [InlineData(new byte[] { 0x00, 0x01 }, 1002)]
    [InlineData(new byte[] { 0x03, 0xE8, 0xFF }, 1002)] // reason not UTF-8
    public async Task A_close_frame_is_answered_and_then_the_connection_ends(byte[] payload, int code)
    {
        await using var raw = await Server.Open();
        await raw.SendFrame(Close, payload);
        Assert.Equal(code, await raw.ReadFirstCloseCode());
        Assert.Null(await raw.ReadFrame());
    }

    private static (int Opcode, string Text) Seen(RawFrame? frame) => (frame!.Opcode, frame.Text);

    private static byte[] PaddedPing(int length)
    {
        var padded = new byte[length];
        padded.AsSpan().Fill((byte)' ');
        PingCommand.CopyTo(padded, 0);
        return padded;
    }
}
