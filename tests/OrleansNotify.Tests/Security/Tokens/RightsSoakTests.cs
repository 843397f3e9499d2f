using System.Text.Json.Nodes;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>A thousand users with random rights, always the same, on two silos: each is told what he may see, all of it, once, and nothing else.</summary>
[Collection(BadInput.MassAbortTests.Alone)]
public sealed class RightsSoakTests
{
    private const int Seed = 20_261_124;
    private const int Users = 1_000;
    private const int Revoked = 20;

    private static readonly long End = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 10_800; // of all tokens

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60); // of a thousand clients on a busy machine

    // Open to all, by token only, private, for the users named; and what grants and subscriptions by pattern can be.
    private static readonly string[] Shared =
    [
        .. Some(10, i => $"open.{i}"), .. Some(20, i => $"shut:room.{i}"), .. Some(20, i => $"$p{i}"), .. Some(20, i => $"shut:hall.{i}"),
    ];

    private static readonly string[] Patterns = ["open.*", "open.**", "shut:room.*", "shut:**"];

    [Fact]
    public async Task A_thousand_users_with_random_rights_get_what_they_may_see_and_nothing_else()
    {
        await using var cluster = await NotifyCluster.StartAsync(2, new()
        {
            ["Notify:Tokens:Algorithms:0"] = "HS256",
            ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
            ["Notify:Tokens:Issuer"] = "https://issuer.example",
            ["Notify:Tokens:Audience"] = "notify",
            ["Notify:Namespaces:shut:ClientSubscribe"] = "false",
            ["Notify:Namespaces:shut:Presence"] = "true",
        });
        var random = new Random(Seed);
        string[] teams = [.. Some(150, i => $"team{i}#{string.Join(',', Some(3, _ => $"u{random.Next(Users)}").Distinct())}")];
        string[] channels = [.. Shared, .. teams];
        Person[] people = [.. Some(Users, i => new Person(i, random))];
        try
        {
            foreach (var chunk in people.Chunk(50))
                await Task.WhenAll(chunk.Select(person => person.Connect(cluster.Silos[person.Number % 2].WebSocket)));
            await ForEach(people, person => person.Ask(channels));
            await PublishAndCheck();

            await ForEach(people.Where(person => person.Number % 3 == 0), person => person.Refresh());
            await PublishAndCheck();

            for (var i = 0; i < Revoked; i++)
                Assert.Equal(200, (await cluster.Silos[i % 2].Http.Post($"/api/users/u{i}/revoke", "")).Status);
            await Task.WhenAll(people[..Revoked].Select(person => person.IsClosed(3500)));
            people = people[Revoked..];
            await PublishAndCheck();
        }
        finally
        {
            await ForEach(people, person => person.DisposeAsync().AsTask());
        }
        Assert.All(cluster.Silos, silo => Assert.Empty(silo.Log.Errors));

        async Task PublishAndCheck()
        {
            foreach (var chunk in channels.Concat(people.Select(person => $"#{person.Name}")).Select((channel, i) => (channel, i)).Chunk(16))
            {
                await Task.WhenAll(chunk.Select(to => Publish(cluster.Silos[to.i % 2].Http, to.channel)));
                foreach (var person in people)
                    person.Expect(chunk.Select(to => to.channel));
            }
            // One more round trip for what nobody should get; what leaks later still is one too many at the next check.
            Assert.Equal(202, (await cluster.Silos[0].Http.Post("/api/events", """{"type":"broadcast","data":0}""")).Status);
            await ForEach(people, person => person.Check());
        }
    }

    private static async Task Publish(HttpClient http, string channel)
    {
        var (status, body) = await http.Post("/api/events", channel[0] == '#' ? $$"""{"type":"user","user":"{{channel[1..]}}","data":1}""" : $$"""{"channel":"{{channel}}","data":1}""");
        Assert.True(status == 202, $"{channel}: {status} {body}");
    }

    private static Task ForEach(IEnumerable<Person> people, Func<Person, Task> act) => Task.WhenAll(people.Select(act));

    private static IEnumerable<T> Some<T>(int count, Func<int, T> make) => Enumerable.Range(0, count).Select(make);

    /// <summary>A user, what he may do by the words of PROTOCOL, and what he must have got by now.</summary>
    private sealed class Person(int number, Random random) : IAsyncDisposable
    {
        private readonly Random _random = new(random.Next());
        private readonly HashSet<string> _grants = Take(random, [.. Shared[10..], .. Patterns], 8);
        private readonly Dictionary<string, bool> _subscribed = []; // by a token of its own, or not
        private readonly Dictionary<string, int> _due = [];
        private WsClient _client = null!;

        public int Number => number;

        public string Name => $"u{number}";

        public async Task Connect(Uri silo) => _client = await WsClient.ConnectAsync(
            silo, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {ConnectionToken()}" }, timeout: Patience);

        /// <summary>Asks for channels and patterns, for some with a token, for some with a wrong one, and reads some that it may not.</summary>
        public async Task Ask(string[] channels)
        {
            await Expect("""{"type":"ping"}""", "pong", null); // the token is verified behind the handshake
            // Channels that name this user come up often enough to matter.
            foreach (var channel in Take(_random, channels, 8).Concat(channels.Where(c => Names(c).Contains(Name))).Concat(Take(_random, Patterns, 1)).Distinct().ToList())
            {
                var isPattern = Patterns.Contains(channel);
                var token = isPattern ? null : _random.Next(6) switch
                {
                    0 or 1 => SubscriptionToken(channel, Name),
                    2 => SubscriptionToken(channel + "x", Name),
                    3 => SubscriptionToken(channel, $"u{number + 1}"),
                    _ => null,
                };
                var isGood = token is not null && token == SubscriptionToken(channel, Name);
                await Expect($$"""{"type":"subscribe","channel":"{{channel}}"{{(token is null ? "" : $",\"token\":\"{token}\"")}}}""", "subscribed", token is not null && !isGood ? 101 : Refusal(channel, isGood));
                if ((token is null || isGood) && Refusal(channel, isGood) is null)
                    _subscribed[channel] = isGood;
            }
            foreach (var channel in Take(_random, channels, 3))
            {
                var refusal = Refusal(channel, _subscribed.ContainsKey(channel));
                await Expect($$"""{"type":"history","channel":"{{channel}}"}""", "history", refusal);
                await Expect($$"""{"type":"presence","channel":"{{channel}}"}""", "presence", refusal ?? (channel.StartsWith("shut:", StringComparison.Ordinal) ? null : 108));
            }
        }

        /// <summary>Goes by a token that grants half as much: what it no longer covers ends.</summary>
        public async Task Refresh()
        {
            _grants.ExceptWith(Take(_random, [.. _grants], _grants.Count / 2));
            await _client.Send(new { type = "refresh", token = ConnectionToken() });
            await _client.Next("refreshed", Patience);
            string[] ended = [.. _subscribed.Where(own => Refusal(own.Key, own.Value) is not null).Select(own => own.Key).Order(StringComparer.Ordinal)];
            var told = new List<string>();
            foreach (var _ in ended)
            {
                var frame = await _client.Next("unsubscribed", Patience);
                Assert.Equal(103, frame.Code);
                told.Add(frame.Channel!);
            }
            Assert.Equal(ended, told.Order(StringComparer.Ordinal));
            foreach (var channel in ended)
                _subscribed.Remove(channel);
        }

        public async Task IsClosed(int code) => Assert.Equal(code, (await _client.Closed(Patience)).Code);

        /// <summary>Something was published.</summary>
        public void Expect(IEnumerable<string> channels)
        {
            foreach (var channel in channels.Where(channel => channel == $"#{Name}" || _subscribed.ContainsKey(channel) || _subscribed.Keys.Any(pattern => Matches(pattern, channel))))
                _due[channel] = _due.GetValueOrDefault(channel) + 1;
        }

        /// <summary>What is due has come, in order, and nothing else.</summary>
        public async Task Check()
        {
            _due["@broadcast"] = _due.GetValueOrDefault("@broadcast") + 1;
            var due = _due.Values.Sum();
            await Until.True($"{Name} has {due} events", () => _client.Frames.Count(frame => frame.Type == "event") >= due, Patience);
            var came = _client.Frames.Where(frame => frame.Type == "event").GroupBy(frame => frame.Channel!).ToDictionary(channel => channel.Key, channel => channel.Offsets());
            Assert.Equal(_due.Select(one => $"{one.Key} {one.Value}").Order(StringComparer.Ordinal), came.Select(one => $"{one.Key} {one.Value.Length}").Order(StringComparer.Ordinal));
            Assert.All(came.Values, offsets => Assert.Equal(Some(offsets.Length, i => offsets[0] + (ulong)i), offsets));
            Assert.DoesNotContain(_client.Frames, frame => frame.Type == "position");
        }

        public async ValueTask DisposeAsync()
        {
            if (_client is not null)
                await _client.DisposeAsync();
        }

        private async Task Expect(string command, string reply, int? code)
        {
            await _client.Send(command);
            var frame = await _client.Next(code is null ? reply : "error", Patience);
            Assert.True(frame.Code == code, $"{Name}, who has {string.Join(' ', _grants)}: {command} got {frame.Text}");
        }

        // The error that the words of PROTOCOL come to; null: allowed.
        private int? Refusal(string channel, bool hasToken)
        {
            if (Names(channel) is { Length: > 0 } names && !names.Contains(Name))
                return 103;
            var isOpen = channel[0] != '$' && !channel.StartsWith("shut:", StringComparison.Ordinal);
            return hasToken || isOpen || _grants.Contains(channel) || _grants.Any(granted => Matches(granted, channel)) ? null : 103;
        }

        private static string[] Names(string channel) => channel.Contains('#', StringComparison.Ordinal) ? channel.Split('#')[1].Split(',') : [];

        // Whether the one grants the other, or matches its name: PROTOCOL, Patterns, for the few that are here.
        private static bool Matches(string pattern, string channel) => pattern switch
        {
            "open.*" or "open.**" => channel.StartsWith("open.", StringComparison.Ordinal),
            "shut:room.*" => channel.StartsWith("shut:room.", StringComparison.Ordinal),
            "shut:**" => channel.StartsWith("shut:", StringComparison.Ordinal),
            _ => false,
        } && (channel != "open.**" || pattern == "open.**");

        private string ConnectionToken() => Hs256(Claims(
            ("sub", Name), ("exp", End), ("subs", new JsonObject(_grants.Select(grant => KeyValuePair.Create<string, JsonNode?>(grant, new JsonObject()))))));

        private static string SubscriptionToken(string channel, string user) => Hs256(Claims(("sub", user), ("exp", End), ("channel", channel)));

        private static HashSet<string> Take(Random random, string[] from, int count) => [.. random.GetItems(from, count)];
    }
}
