using System.Text;
using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Malformed channel names, wherever a name goes in: subscribe, unsubscribe, publish, history, and the HTTP API.</summary>
public sealed class ChannelNameRefusalTests(BadInputServer server) : BadInputTest(server)
{
    private const string Allowed = "is not allowed; use A-Z a-z 0-9 _ - . : / # $ @ = + ~ ,";
    private const string AllowedInUser = "is not allowed in a user id (behind '#'); use A-Z a-z 0-9 _ . @ = + ~ : -";

    public static TheoryData<string, string> Malformed => new()
    {
        { "", "the name is empty; it takes 1 to 255 characters." },
        { new string('a', 256), "the name is 256 characters long; it takes 1 to 255." },
        { new string('a', 2000), "the name is too long; it takes 1 to 255 characters." },
        { " ", $"the character U+0020 at position 1 {Allowed}" },
        { "two words", $"the character U+0020 at position 4 {Allowed}" },
        { "a\u0000b", $"the character U+0000 at position 2 {Allowed}" },
        { "line\n", $"the character U+000A at position 5 {Allowed}" },
        { "café", $"the character U+00E9 at position 4 {Allowed}" },
        { "😀", $"the character U+D83D at position 1 {Allowed}" },
        { "a%2Fb", $"the character '%' at position 2 {Allowed}" },
        { "a\\b", $"the character '\\' at position 2 {Allowed}" },
        { "a?b", $"the character '?' at position 2 {Allowed}" },
        { "<script>", $"the character '<' at position 1 {Allowed}" },
        { "@", "names that begin with '@' are reserved; there are @system and @broadcast, no other." },
        { "@System", "names that begin with '@' are reserved; there are @system and @broadcast, no other." },
        { "@system.x", "names that begin with '@' are reserved; there are @system and @broadcast, no other." },
        { "#", "no user follows '#'; write #42 or name#42,43." },
        { "name#", "no user follows '#'; write #42 or name#42,43." },
        { "#42,43", "a name that begins with '#' is one user's own channel; write one user id, or put a name before '#'." },
        { "name#42,", "a user id behind '#' is empty; remove the spare ','." },
        { "name#4/2", $"the character '/' {AllowedInUser}" },
        { "name#42#43", $"the character '#' {AllowedInUser}" },
        { "#" + new string('1', 129), "a user id behind '#' is 129 characters long; it takes 1 to 128." },
        { "$", "no name follows '$'." },
        { "$#42", "no name follows '$'." },
        { "a$b", "'$' is allowed only as the first character, where it makes the channel private." },
        { ":a", "the namespace before ':' is empty; remove the ':' or name a namespace." },
        { "chat:", "no name follows the namespace and its ':'." },
        { "a.b:c", "the character '.' is not allowed in a namespace (before ':'); use A-Z a-z 0-9 _ -" },
        { new string('n', 65) + ":a", "the namespace before ':' is 65 characters long; it takes 1 to 64." },
        { ".", "the first level is empty; remove the leading '.'." },
        { ".a", "the first level is empty; remove the leading '.'." },
        { "a.", "the last level is empty; remove the trailing '.'." },
        { "a..b", "a level between two '.' is empty; remove one '.'." },
        { "chat:.a", "the first level is empty; remove the leading '.'." },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_name_is_107_in_every_command_and_400_over_http(string name, string problem)
    {
        var sentence = "Invalid channel: " + problem;
        var channel = JsonSerializer.Serialize(name);
        await using var raw = await Server.Open();
        foreach (var command in new[] { "subscribe", "unsubscribe", "history" })
            (await raw.Ask($$"""{"type":"{{command}}","channel":{{channel}},"id":1}""")).AssertError(107, sentence, "1");
        (await raw.Ask($$"""{"type":"publish","channel":{{channel}},"data":1,"id":1}""")).AssertError(107, sentence, "1");
        await raw.AssertGoesOn();

        var posted = await RawSocket.Post(Server.Port, "/api/events", Encoding.UTF8.GetBytes($$"""{"channel":{{channel}},"data":1}"""));
        // A name that is longer than any field is refused unread, in the words for all fields.
        posted.AssertProblem(400, name.Length > 1530 ? "\"channel\" is too long; at most 255 characters." : sentence, "channel");
    }

    [Theory]
    [InlineData("a..b", "a level between two '.' is empty; remove one '.'.")]
    [InlineData("a%20b", $"the character U+0020 at position 2 {Allowed}")]
    [InlineData("a%252Fb", $"the character '%' at position 2 {Allowed}")]
    [InlineData("@none", "names that begin with '@' are reserved; there are @system and @broadcast, no other.")]
    [InlineData("%2A", "'*' at position 1 makes a pattern, which can only be subscribed to; name one channel.")]
    public async Task A_malformed_name_in_a_path_is_400(string escaped, string problem)
    {
        foreach (var (method, path) in new[] { ("GET", ""), ("GET", "/history"), ("DELETE", "/history") })
        {
            var request = $"{method} /api/channels/{escaped}{path} HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\n\r\n";
            (await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(request))).AssertProblem(400, "Invalid channel: " + problem, "channel");
        }
    }

    [Theory]
    [InlineData("/api/channels?limit=0", "limit")]
    [InlineData("/api/channels?limit=-1", "limit")]
    [InlineData("/api/channels?limit=99999999999999", "limit")]
    [InlineData("/api/channels?pattern=a..b", "pattern")]
    [InlineData("/api/channels?pattern=a*b", "pattern")]
    [InlineData("/api/connections?limit=x", "limit")]
    [InlineData("/api/connections?limit=1&limit=2", "limit")]
    [InlineData("/api/connections?after=x", "after")]
    [InlineData("/api/connections?channel=a..b", "channel")]
    [InlineData("/api/connections?user=a%20b", "user")]
    [InlineData("/api/channels/a/history?limit=301", "limit")]
    [InlineData("/api/channels/a/history?reverse=maybe", "reverse")]
    [InlineData("/api/channels/a/history?epoch=x", "since")]
    public async Task A_wrong_parameter_is_400_and_named(string path, string parameter)
    {
        var response = await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\n\r\n"));
        response.AssertProblem(400, "…", parameter);
    }
}
