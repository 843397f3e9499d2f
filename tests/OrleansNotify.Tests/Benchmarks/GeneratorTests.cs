using System.Text;
using System.Text.Json;
using CsCheck;
using OrleansNotify.Benchmarks.Load.Generator;

namespace OrleansNotify.Tests.Benchmarks;

public class GeneratorTests
{
    [Fact]
    public void A_quantile_is_off_by_less_than_0_4_percent_whatever_the_size() =>
        Gen.Long[0, long.MaxValue / 2].Sample(value =>
        {
            var histogram = new Histogram();
            histogram.Add(value);
            histogram.Add(long.MaxValue); // so that the largest value does not answer for it
            return Math.Abs(histogram.Quantile(0.5) - value) <= value * 0.004;
        });

    [Fact]
    public void Quantiles_of_1_to_1000_are_at_their_places()
    {
        var histogram = new Histogram();
        for (var value = 1; value <= 1000; value++)
            histogram.Add(value);

        Assert.Equal(1000, histogram.Count);
        Assert.Equal(1000, histogram.Max);
        Assert.Equal(100, histogram.Quantile(0.1)); // below 128 exact
        Assert.InRange(histogram.Quantile(0.5), 498, 502);
        Assert.InRange(histogram.Quantile(0.99), 986, 994);
        Assert.Equal(1000, histogram.Quantile(1));
        Assert.Equal(0, new Histogram().Quantile(0.5));
    }

    [Fact]
    public void Frames_of_every_length_come_whole_however_the_bytes_are_split()
    {
        (byte Opcode, byte[] Payload)[] sent = [(1, Filled(5)), (2, Filled(126)), (9, []), (1, Filled(65_535)), (8, Filled(2)), (1, Filled(65_536))];
        var bytes = sent.SelectMany(frame => Frame(frame.Opcode, frame.Payload)).ToArray();

        Gen.Int[1, 70_000].Array[1, 40].Sample(cuts =>
        {
            var seen = new Seen();
            var assembler = new FrameAssembler();
            var at = 0;
            for (var i = 0; at < bytes.Length; i++)
            {
                var count = Math.Min(cuts[i % cuts.Length], bytes.Length - at);
                assembler.Feed(bytes.AsSpan(at, count), seen);
                at += count;
            }
            return Same(seen);
        }, iter: 30, threads: 1);

        var byByte = new Seen();
        var one = new FrameAssembler();
        foreach (var value in bytes[..500])
            one.Feed([value], byByte);
        Assert.Equal([(byte)1, (byte)2, (byte)9], byByte.Frames.Select(frame => frame.Opcode));

        bool Same(Seen seen) => seen.Frames.Count == sent.Length && seen.Frames.Zip(sent).All(pair => pair.First.Opcode == pair.Second.Opcode && pair.First.Payload.AsSpan().SequenceEqual(pair.Second.Payload));
    }

    [Theory]
    [InlineData("1 2 3 4", 4, 0, 0, 0)]
    [InlineData("1 2 4", 4, 1, 0, 0)] // 3 was lost
    [InlineData("1 2 2 3 4", 4, 0, 1, 0)]
    [InlineData("1 2 1 3 4", 4, 0, 1, 0)] // an older one comes again
    [InlineData("1 3 2 4", 4, 0, 0, 1)]
    [InlineData("1 3 2 2 4", 4, 0, 1, 1)]
    [InlineData("4 3 2 1", 4, 0, 0, 3)]
    [InlineData("", 4, 4, 0, 0)]
    [InlineData("1 70 2", 70, 68, 1, 0)] // 68 behind: no longer told from a repeat, and missed
    public void The_checker_tells_what_was_lost_duplicated_and_reordered(string came, int published, long lost, long duplicated, long reordered)
    {
        var checker = new DeliveryChecker(subscribers: 2, publishers: 2);
        for (var i = 0; i < published; i++)
            checker.Expect(1);
        foreach (var sequence in came.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            checker.Take(1, 1, uint.Parse(sequence, System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal((lost, duplicated, reordered, 0L), (checker.Lost, checker.Duplicated, checker.Reordered, checker.Misrouted));
    }

    [Fact]
    public void The_checker_keeps_subscribers_and_publishers_apart()
    {
        var checker = new DeliveryChecker(subscribers: 2, publishers: 2);
        for (var subscriber = 0; subscriber < 2; subscriber++)
        {
            for (var publisher = 0; publisher < 2; publisher++)
            {
                checker.Expect(1);
                Assert.True(checker.Take(subscriber, publisher, 1));
            }
        }
        checker.Misroute();

        Assert.Equal((4L, 4L, 0L, 0L, 0L, 1L), (checker.Expected, checker.Unique, checker.Lost, checker.Duplicated, checker.Reordered, checker.Misrouted));
    }

    [Fact]
    public void A_request_of_many_is_whole_JSON_with_the_numbers_that_were_set()
    {
        var request = new PostRequest(5000, "a-", 3);
        for (var i = 0; i < 3; i++)
            request.Set(i, 10 + i, (uint)(0xABCDE0 + i));

        var parts = Encoding.ASCII.GetString(request.Bytes).Split("\r\n\r\n");

        Assert.StartsWith("POST /api/events/batch HTTP/1.1\r\n", parts[0], StringComparison.Ordinal);
        Assert.EndsWith($"Content-Length: {parts[1].Length}", parts[0], StringComparison.Ordinal);
        var items = JsonSerializer.Deserialize<JsonElement[]>(parts[1])!;
        Assert.Equal([PostRequest.NameOf("a-", 10), PostRequest.NameOf("a-", 11), PostRequest.NameOf("a-", 12)], items.Select(item => item.GetProperty("channel").GetString()!));
        Assert.All(items, item => Assert.Equal(200, item.GetProperty("data").GetProperty("m").GetString()!.Length));
        Assert.Equal([0xABCDE0U, 0xABCDE1U, 0xABCDE2U], Found(parts[1]));
    }

    [Fact]
    public void What_looks_like_a_number_and_is_none_is_passed_over() =>
        Assert.Equal([7U, 8U], Found("~~T0000000~ ~T0000000g~ ~T00000007~~T00000008~ ~T0000"));

    private static List<uint> Found(string text)
    {
        var found = new List<uint>();
        ReadOnlySpan<byte> rest = Encoding.ASCII.GetBytes(text);
        while (PostRequest.TryFind(ref rest, out var number))
            found.Add(number);
        return found;
    }

    private static byte[] Filled(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 31))];

    private static byte[] Frame(byte opcode, byte[] payload) => payload.Length switch
    {
        < 126 => [(byte)(0x80 | opcode), (byte)payload.Length, .. payload],
        <= 65_535 => [(byte)(0x80 | opcode), 126, (byte)(payload.Length >> 8), (byte)payload.Length, .. payload],
        _ => [(byte)(0x80 | opcode), 127, 0, 0, 0, 0, 0, (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, .. payload],
    };

    private sealed class Seen : IFrameReceiver
    {
        public List<(byte Opcode, byte[] Payload)> Frames { get; } = [];

        public void Receive(byte opcode, ReadOnlySpan<byte> payload) => Frames.Add((opcode, payload.ToArray()));
    }
}
