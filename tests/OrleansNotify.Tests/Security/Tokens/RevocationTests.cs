using System.Text.Json.Nodes;
using Orleans.Core.Internal;
using OrleansNotify.Grains.Revocations;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using OrleansNotify.Tests.Sqlite;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Revocation, as a cluster of two does it.</summary>
public sealed class RevocationTests : IAsyncLifetime
{
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(5);

    private static readonly Dictionary<string, string?> Settings = new()
    {
        ["Notify:Tokens:Algorithms:0"] = "HS256",
        ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
        ["Notify:Tokens:Issuer"] = "https://issuer.example",
        ["Notify:Tokens:Audience"] = "notify",
        ["Notify:Tokens:RevocationLifetime"] = "7.00:00:00",
    };

    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(2, Settings);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task Who_lives_by_a_revoked_token_is_closed_on_every_silo_within_5_s_and_nobody_comes_in_with_it()
    {
        var (here, there) = (_cluster.Silos[0], _cluster.Silos[1]);
        await using var revoked = await Connect(there, Token("alice", "t1"));
        await using var other = await Connect(there, Token("alice", "t2"));
        await using var own = await Connect(here, Token("bob", "b1"));
        await own.Send(new { type = "subscribe", channel = "$orders", token = Token("bob", "s1", ("channel", "$orders")) });
        await own.Next("subscribed");

        var (status, reply) = await here.Http.Post($"/api/tokens/t1/revoke?expires={Now() + 60}", "");
        Assert.Equal((200, Now() + 90, false), (status, reply.GetProperty("until").GetInt64(), reply.GetProperty("stored").GetBoolean())); // and 30 s of clock skew
        await here.Http.Post("/api/tokens/s1/revoke", "");

        Assert.Equal((3500, "The token was revoked; get a new one."), await revoked.Closed(Promised));
        await using var refused = await Connect(here, Token("alice", "t1"));
        Assert.Equal(3500, (await refused.Closed()).Code);
        Assert.Equal(103, (await own.Next("unsubscribed", Promised)).Code);
        await own.Send(new { type = "subscribe", channel = "$orders", token = Token("bob", "s1", ("channel", "$orders")) });
        Assert.Equal(101, (await own.Next("error")).Code);
        await own.Send(new { type = "refresh", token = Token("bob", "s1") });
        Assert.Equal(101, (await own.Next("error")).Code);
        await other.Ping();
        await own.Ping();
    }

    [Fact]
    public async Task A_revoked_user_is_out_until_he_is_given_a_new_token()
    {
        var (here, there) = (_cluster.Silos[0], _cluster.Silos[1]);
        await using var dated = await Connect(there, Token("alice", null, ("iat", Now())));
        await using var undated = await Connect(here, Token("alice", null));
        await using var bob = await Connect(there, Token("bob", null));

        var asked = Now();
        var (status, reply) = await here.Http.Post("/api/users/alice/revoke", "");
        Assert.Equal(200, status);
        Assert.InRange(reply.GetProperty("until").GetInt64(), asked + (7 * 86_400), Now() + (7 * 86_400)); // as long as configured

        Assert.Equal(3500, (await dated.Closed(Promised)).Code);
        Assert.Equal(3500, (await undated.Closed(Promised)).Code);
        await using var newer = await Connect(there, Token("alice", null, ("iat", Now() + 2)));
        await newer.Ping();
        await bob.Ping();
    }

    [Fact]
    public async Task What_is_revoked_is_known_to_those_who_come_and_survives_those_who_go()
    {
        Assert.Equal(200, (await _cluster.Silos[0].Http.Post("/api/tokens/t1/revoke", "")).Status);
        var late = await _cluster.AddSiloAsync();
        await using var refused = await Connect(late, Token("alice", "t1"));
        Assert.Equal(3500, (await refused.Closed()).Code);

        // Without a store there is but what the silos remember: a new run of the grain is told.
        await _cluster.Client.GetGrain<IRevocationsGrain>(0).AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await Until.Equal(1, "what the new run knows", async () => (await _cluster.Client.GetGrain<IRevocationsGrain>(0).Read(Guid.Empty, 0)).Revocations.Length);
        var last = await _cluster.AddSiloAsync();
        await using var everywhere = await Connect(last, Token("alice", "t1"));
        Assert.Equal(3500, (await everywhere.Closed()).Code);
    }

    [Fact]
    public async Task What_silos_remember_fills_the_list_and_no_more()
    {
        var grain = _cluster.Client.GetGrain<IRevocationsGrain>(0);
        var now = TimeProvider.System.GetUtcNow();

        await grain.Offer([.. Enumerable.Range(0, RevocationList.MaxCount + 1).Select(n => new Revocation(RevocationKind.Token, $"{n}", now, now.AddHours(1)))]);

        Assert.Equal(RevocationList.MaxCount, (await grain.Read(Guid.Empty, 0)).Revocations.Length);
        Assert.Equal(409, (await _cluster.Silos[0].Http.Post("/api/tokens/more/revoke", "")).Status);
        Assert.Equal(200, (await _cluster.Silos[0].Http.Post("/api/tokens/0/revoke", "")).Status);
    }

    [Fact]
    public async Task With_a_store_it_survives_the_end_of_all_silos()
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, string?>(Settings) { ["Notify:Storage:Provider"] = "Sqlite", ["Notify:Storage:Path"] = folder["notify.db"] };
        await using (var first = await RunningServer.StartAsync(settings))
        {
            var (status, reply) = await first.Http.Post("/api/users/alice/revoke", "");
            Assert.Equal((200, true), (status, reply.GetProperty("stored").GetBoolean()));
        }

        await using var second = await RunningServer.StartAsync(settings);
        await using var refused = await WsClient.ConnectAsync(second.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {Token("alice", null)}" });
        Assert.Equal((3500, "The token was revoked; get a new one."), await refused.Closed());
    }

    [Theory]
    [InlineData("/api/tokens/t1/revoke?expires=1", "expires", "The parameter 'expires' lies in the past: what has expired needs no revocation.")]
    [InlineData("/api/tokens/t1/revoke?expires=tomorrow", "expires", "The parameter 'expires' must be a number of seconds since 1970: the \"exp\" of the last token this is about.")]
    [InlineData("/api/users/a,b/revoke", "user", "A user id is 1 to 128 of A-Z a-z 0-9 _ . @ = + ~ : -")]
    public async Task What_is_wrong_is_said(string path, string field, string detail)
    {
        var (status, problem) = await _cluster.Silos[0].Http.Post(path, "");

        Assert.Equal((400, field, detail), (status, problem.GetProperty("field").GetString(), problem.GetProperty("detail").GetString()));
    }

    private static string Token(string user, string? id, params (string, JsonNode?)[] more) => Hs256(Claims([("sub", user), ("jti", id), ("exp", Now() + 3600), .. more]));

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private static Task<WsClient> Connect(NotifySilo silo, string token) =>
        WsClient.ConnectAsync(silo.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {token}" });
}
