using System.Text;
using CsCheck;
using OrleansNotify.AspNetCore.Publishing;

namespace OrleansNotify.Tests.Publishing;

public sealed class BatchReaderTests
{
    [Theory]
    [InlineData("[]")]
    [InlineData(" [ 1 , {\"a\":[2,3]} ,\"x,]\" ] ", "1", "{\"a\":[2,3]}", "\"x,]\"")]
    [InlineData("[{\"a\":1,\"a\":2},\"\\ud800\"]", "{\"a\":1,\"a\":2}", "\"\\ud800\"")]
    public void An_array_is_cut_into_its_items_unjudged(string body, params string[] items) => Assert.Equal(items, CutArray(body, out _));

    [Theory]
    [InlineData("", "Invalid JSON")]
    [InlineData("[1", "Invalid JSON")]
    [InlineData("[1] 2", "Invalid JSON")]
    [InlineData("[1,]", "Invalid JSON")]
    [InlineData("{}", "must be a JSON array")]
    public void What_is_no_array_is_refused_whole(string body, string reason)
    {
        CutArray(body, out var problem);
        Assert.Contains(reason, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_item_may_be_as_deep_as_it_likes()
    {
        var deep = new string('[', 20_000) + new string(']', 20_000);
        Assert.Equal([deep, "1"], CutArray($"[{deep},1]", out _));
    }

    [Fact]
    public void Lines_are_cut_and_blank_ones_passed_over() =>
        Assert.Equal(["{\"a\":1}\r", "broken", " 2"], CutLines("{\"a\":1}\r\n\n \t\r\nbroken\n 2"));

    [Fact]
    public void No_more_than_one_beyond_the_limit_is_cut()
    {
        Assert.Equal(4, CutLines("1\n2\n3\n4\n5\n6", max: 3).Length);
        Assert.Equal(4, CutArray("[1,2,3,4,5,6]", out _, max: 3).Length);
    }

    [Fact]
    public void Whatever_json_the_items_are_an_array_of_them_is_cut_into_them() =>
        Gen.String[Gen.Char.AlphaNumeric, 0, 8].Select(s => $"{{\"k\":[\"{s}\",{s.Length}]}}").Array[0, 30].Sample(items =>
            Assert.Equal(items, CutArray($"[{string.Join(" ,", items)}]", out _)));

    private static string[] CutArray(string body, out string? problem, int max = 100)
    {
        var utf8 = Encoding.UTF8.GetBytes(body);
        var items = new List<Range>();
        problem = BatchReader.CutArray(utf8, max, items);
        return [.. items.Select(range => Encoding.UTF8.GetString(utf8[range]))];
    }

    private static string[] CutLines(string body, int max = 100)
    {
        var utf8 = Encoding.UTF8.GetBytes(body);
        var items = new List<Range>();
        BatchReader.CutLines(utf8, max, items);
        return [.. items.Select(range => Encoding.UTF8.GetString(utf8[range]))];
    }
}
