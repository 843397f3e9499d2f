using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Revocations;
using OrleansNotify.Protocol;
using OrleansNotify.Tests.Delivery;
using OrleansNotify.Tests.Sqlite;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Which tokens are good, and the one reason for which each other is not.</summary>
public sealed class TokenVerifierTests : IDisposable
{
    // Whatever carries it is something a refusal must not repeat.
    private const string Canary = "canary-7c1e";

    private static readonly Dictionary<string, Func<string>> Bad = new()
    {
        ["empty"] = () => "",
        ["garbage"] = () => $"{Canary}.garbage",
        ["two parts"] = () => Hs256(Claims())[..^44],
        ["four parts"] = () => Hs256(Claims()) + "." + Canary,
        ["not base64url"] = () => "e30=" + Hs256(Claims()),
        ["a space behind it"] = () => Hs256(Claims()) + " ",
        ["claims no object"] = () => Hs256("[1]"),
        ["claims no JSON"] = () => Hs256("{'sub':1}"),
        ["claims no UTF-8"] = () => Token("""{"alg":"HS256"}""", "{}", _ => [1]).Replace(".e30.", ".eyJhIjoi_yJ9.", StringComparison.Ordinal),
        ["a claim twice"] = () => Hs256(Claims()[..^1] + ",\"sub\":\"" + Canary + "\"}"),
        ["a claim twice, once escaped"] = () => Hs256(Claims()[..^1] + ",\"s\\u0075b\":\"" + Canary + "\"}"),
        ["a header twice"] = () => Hs256(Claims(), header: """{"alg":"HS256","alg":"none"}"""),
        ["kid no text"] = () => Hs256(Claims(), header: """{"alg":"HS256","kid":1}"""),
        ["crit"] = () => Hs256(Claims(), header: """{"alg":"HS256","crit":["b64"],"b64":false}"""),
        ["too large"] = () => Hs256(Claims(("info", Canary + new string('x', 8 << 10)))),
        ["no alg"] = () => Hs256(Claims(), header: "{}"),
        ["alg none"] = () => Token("""{"alg":"none"}""", Claims(), _ => []),
        ["alg NONE, signed"] = () => Hs256(Claims(), header: """{"alg":"NONE"}"""),
        ["alg hs256"] = () => Hs256(Claims(), header: """{"alg":"hs256"}"""),
        ["alg HS512"] = () => Token("""{"alg":"HS512"}""", Claims(), bytes => HMACSHA512.HashData(Secret, bytes)),
        ["alg PS256"] = () => Token("""{"alg":"PS256"}""", Claims(), bytes => Rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pss)),
        ["another secret"] = () => Hs256(Claims(), Encoding.UTF8.GetBytes(new string('k', 32))),
        ["no signature"] = () => Token("""{"alg":"HS256"}""", Claims(), _ => []),
        ["claims exchanged"] = () => Exchanged(Hs256(Claims()), Hs256(Claims(("sub", Canary)))),
        ["HS256 with the RSA key's DER"] = () => Hs256(Claims(), Rsa.ExportSubjectPublicKeyInfo()),
        ["HS256 with the RSA key's PEM"] = () => Hs256(Claims(), Encoding.UTF8.GetBytes(Rsa.ExportSubjectPublicKeyInfoPem())),
        ["HS256 with the RSA key's PEM and a line feed"] = () => Hs256(Claims(), Encoding.UTF8.GetBytes(Rsa.ExportSubjectPublicKeyInfoPem() + "\n")),
        ["RS256 with another key"] = () => Rs256(Claims(), OtherRsa),
        ["RS256 with a key of its own in the header"] = () => Token($$"""{"alg":"RS256","jwk":{{Jwk(OtherRsa, null)}}}""", Claims(), bytes => OtherRsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
        ["RS256 signed with the secret"] = () => Hs256(Claims(), header: """{"alg":"RS256"}"""),
        ["ES256 signed by RSA"] = () => Token("""{"alg":"ES256"}""", Claims(), bytes => Rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
        ["expired"] = () => Hs256(Claims(("exp", Noon - 30))),
        ["expired long ago"] = () => Rs256(Claims(("exp", 0))),
        ["not yet valid"] = () => Hs256(Claims(("nbf", Noon + 31))),
        ["audience of others"] = () => Hs256(Claims(("aud", Canary))),
        ["audiences of others"] = () => Hs256(Claims(("aud", new JsonArray("NOTIFY", "notify/")))),
        ["no audience"] = () => Hs256(Claims(("aud", null))),
        ["another issuer"] = () => Hs256(Claims(("iss", "https://issuer.example/"))),
        ["no issuer"] = () => Hs256(Claims(("iss", null))),
        ["no exp"] = () => Hs256(Claims(("exp", null))),
        ["exp a text"] = () => Hs256(Claims(("exp", "1900000000"))),
        ["exp beyond time"] = () => Hs256(Claims(("exp", 1e300))),
        ["exp negative"] = () => Hs256(Claims(("exp", -1))),
        ["nbf a text"] = () => Hs256(Claims(("nbf", Canary))),
        ["aud a number"] = () => Hs256(Claims(("aud", 1))),
        ["iss a number"] = () => Hs256(Claims(("iss", 1))),
        ["no sub"] = () => Hs256(Claims(("sub", null))),
        ["sub empty"] = () => Hs256(Claims(("sub", ""))),
        ["sub a number"] = () => Hs256(Claims(("sub", 42))),
        ["sub with a space"] = () => Hs256(Claims(("sub", Canary + " x"))),
        ["sub too long"] = () => Hs256(Claims(("sub", new string('a', 129)))),
        ["jti a number"] = () => Hs256(Claims(("jti", 1))),
        ["channels no list"] = () => Hs256(Claims(("channels", Canary))),
        ["channels with a pattern"] = () => Hs256(Claims(("channels", new JsonArray("chat.*")))),
        ["channels with a number"] = () => Hs256(Claims(("channels", new JsonArray(1)))),
        ["subs a list"] = () => Hs256(Claims(("subs", new JsonArray("chat.*")))),
        ["subs with no pattern"] = () => Hs256(Claims(("subs", new JsonObject { [Canary + "*"] = new JsonObject() }))),
        ["subs with something we do not know"] = () => Hs256(Claims(("subs", new JsonObject { ["chat.*"] = new JsonObject { ["until"] = 1 } }))),
        ["a subscription token"] = () => Hs256(Claims(("channel", Canary))),
    };

    private readonly TemporaryFolder _folder = new();
    private readonly RevokedTokens _revoked = Nothing();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(Noon));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("empty", nameof(TokenRefusalReason.Malformed))]
    [InlineData("garbage", nameof(TokenRefusalReason.Malformed))]
    [InlineData("two parts", nameof(TokenRefusalReason.Malformed))]
    [InlineData("four parts", nameof(TokenRefusalReason.Malformed))]
    [InlineData("not base64url", nameof(TokenRefusalReason.Malformed))]
    [InlineData("a space behind it", nameof(TokenRefusalReason.Malformed))]
    [InlineData("claims no object", nameof(TokenRefusalReason.Malformed))]
    [InlineData("claims no JSON", nameof(TokenRefusalReason.Malformed))]
    [InlineData("claims no UTF-8", nameof(TokenRefusalReason.Malformed))]
    [InlineData("a claim twice", nameof(TokenRefusalReason.Malformed))]
    [InlineData("a claim twice, once escaped", nameof(TokenRefusalReason.Malformed))]
    [InlineData("a header twice", nameof(TokenRefusalReason.Malformed))]
    [InlineData("kid no text", nameof(TokenRefusalReason.Malformed))]
    [InlineData("crit", nameof(TokenRefusalReason.Malformed))]
    [InlineData("too large", nameof(TokenRefusalReason.TooLarge))]
    [InlineData("no alg", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("alg none", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("alg NONE, signed", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("alg hs256", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("alg HS512", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("alg PS256", nameof(TokenRefusalReason.Algorithm))]
    [InlineData("another secret", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("no signature", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("claims exchanged", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("HS256 with the RSA key's DER", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("HS256 with the RSA key's PEM", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("HS256 with the RSA key's PEM and a line feed", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("RS256 with another key", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("RS256 with a key of its own in the header", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("RS256 signed with the secret", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("ES256 signed by RSA", nameof(TokenRefusalReason.BadSignature))]
    [InlineData("expired", nameof(TokenRefusalReason.Expired))]
    [InlineData("expired long ago", nameof(TokenRefusalReason.Expired))]
    [InlineData("not yet valid", nameof(TokenRefusalReason.NotYetValid))]
    [InlineData("audience of others", nameof(TokenRefusalReason.WrongAudience))]
    [InlineData("audiences of others", nameof(TokenRefusalReason.WrongAudience))]
    [InlineData("no audience", nameof(TokenRefusalReason.WrongAudience))]
    [InlineData("another issuer", nameof(TokenRefusalReason.WrongIssuer))]
    [InlineData("no issuer", nameof(TokenRefusalReason.WrongIssuer))]
    [InlineData("no exp", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("exp a text", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("exp beyond time", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("exp negative", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("nbf a text", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("aud a number", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("iss a number", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("no sub", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("sub empty", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("sub a number", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("sub with a space", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("sub too long", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("jti a number", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("channels no list", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("channels with a pattern", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("channels with a number", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("subs a list", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("subs with no pattern", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("subs with something we do not know", nameof(TokenRefusalReason.BadClaim))]
    [InlineData("a subscription token", nameof(TokenRefusalReason.BadClaim))]
    public async Task A_bad_token_is_refused_for_one_reason(string which, string reason)
    {
        var token = Bad[which]();
        var result = await Verifier().VerifyConnection(token, default);
        Assert.False(result.IsGood);
        Assert.Equal(reason, result.Refusal.Reason.ToString());
        Assert.Equal(reason == nameof(TokenRefusalReason.Expired) ? NotifyError.TokenExpired : NotifyError.Unauthorized, result.Refusal.Code);
        AssertSaysNothingOf(token, result.Refusal);
    }

    [Theory]
    [InlineData("""{"jti":"t1"}""", "t1", null, true)]
    [InlineData("""{"jti":"t2"}""", "t1", null, false)]
    [InlineData("{}", "t1", null, false)]
    [InlineData("{}", null, "alice", true)]
    [InlineData("{}", null, "bob", false)]
    [InlineData("""{"iat":1799999999}""", null, "alice", true)]
    [InlineData("""{"iat":1800000000}""", null, "alice", true)] // in the very second
    [InlineData("""{"iat":1800000001}""", null, "alice", false)]
    public async Task A_revoked_token_is_refused_and_one_issued_later_is_not(string claims, string? id, string? user, bool refused)
    {
        var token = Hs256(Claims([.. JsonNode.Parse(claims)!.AsObject().Select(claim => (claim.Key, claim.Value?.DeepClone()))]));
        var verifier = Verifier();
        Assert.True((await verifier.VerifyConnection(token, default)).IsGood);

        Revocation revocation = id is not null
            ? new(RevocationKind.Token, id, _time.GetUtcNow(), _time.GetUtcNow().AddHours(1))
            : new(RevocationKind.User, user!, _time.GetUtcNow(), _time.GetUtcNow().AddHours(1));
        _revoked.Take([revocation], _time.GetUtcNow());

        var result = await verifier.VerifyConnection(token, default);
        Assert.Equal(refused ? TokenRefusalReason.Revoked : null, result.Refusal?.Reason);
        _revoked.Take([], _time.GetUtcNow().AddHours(1)); // its end has come
        Assert.True((await verifier.VerifyConnection(token, default)).IsGood);
    }

    [Fact]
    public async Task No_token_is_believed_before_the_revoked_ones_are_known()
    {
        var options = new TokenOptions { Algorithms = ["HS256"], HmacKeys = [Convert.ToBase64String(Secret)] };
        var verifier = new TokenVerifier(Options.Create(options), new JwksCache(null, _time, NullLogger<JwksCache>.Instance), new RevokedTokens(), _time, TestMetrics.Create());

        var result = await verifier.VerifyConnection(Hs256(Claims()), default);

        Assert.Equal((TokenRefusalReason.KeysUnavailable, NotifyError.Internal), (result.Refusal!.Reason, result.Refusal.Code));
    }

    [Fact]
    public async Task Each_of_the_three_signatures_is_good()
    {
        var verifier = Verifier();
        foreach (var token in new[] { Hs256(Claims()), Hs256(Claims(), header: """{"alg":"HS256","kid":"any"}"""), Rs256(Claims()), Rs256(Claims(), kid: "any"), Es256(Claims()) })
        {
            var result = await verifier.VerifyConnection(token, default);
            Assert.True(result.IsGood, result.Refusal?.Sentence);
            Assert.Equal("alice", result.Token.User);
        }
    }

    [Theory]
    [InlineData("exp", -29, true)]
    [InlineData("exp", -30, false)]
    [InlineData("nbf", 30, true)]
    [InlineData("nbf", 31, false)]
    public async Task The_clocks_may_differ_by_the_skew_and_no_second_more(string claim, int seconds, bool good) =>
        Assert.Equal(good, (await Verifier().VerifyConnection(Hs256(Claims((claim, Noon + seconds))), default)).IsGood);

    [Fact]
    public async Task A_token_ends_by_our_clock()
    {
        var verifier = Verifier();
        var token = Rs256(Claims(("exp", Noon + 60.9)));
        Assert.True((await verifier.VerifyConnection(token, default)).IsGood);
        _time.Advance(TimeSpan.FromSeconds(89));
        Assert.True((await verifier.VerifyConnection(token, default)).IsGood);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TokenRefusalReason.Expired, (await verifier.VerifyConnection(token, default)).Refusal?.Reason);
    }

    [Fact]
    public async Task A_connection_token_says_all_it_can()
    {
        var claims = """
            {"sub":"a@b.c","exp":1800003600,"iss":"https://issuer.example","aud":["x","notify"],"jti":"j1","info":{ "n" : 1.0 },"meta":["m"],
             "channels":["news","chat.a","news"],"subs":{"chat.*":{},"$orders":{},"#42":{},"ns:a.**":{}},"unknown":{"is":"ignored"}}
            """;
        var token = (await Verifier().VerifyConnection(Hs256(claims), default)).Token!;
        Assert.Equal(("a@b.c", "j1", DateTimeOffset.FromUnixTimeSeconds(Noon + 3_600)), (token.User, token.Id, token.Expires));
        Assert.Equal("""{ "n" : 1.0 }""", Encoding.UTF8.GetString(token.Info!.Value.Span));
        Assert.Equal("""["m"]""", Encoding.UTF8.GetString(token.Meta!.Value.Span));
        Assert.Equal(["news", "chat.a"], token.Channels);
        Assert.All(["chat.a", "$orders", "#42", "ns:a.b.c"], channel => Assert.True(token.Permissions.Cover(channel), channel));
        Assert.All(["chat", "chat.a.b", "$other", "#43", "a.b", "chat.a#42", "news"], channel => Assert.False(token.Permissions.Cover(channel), channel));
    }

    [Fact]
    public async Task A_bare_connection_token_allows_nothing()
    {
        var token = (await Verifier().VerifyConnection(Hs256(Claims(("info", JsonNode.Parse("null")), ("subs", new JsonObject()))), default)).Token!;
        Assert.Equal((null, null, null), (token.Id, token.Info, token.Meta));
        Assert.Empty(token.Channels);
        Assert.False(token.Permissions.Cover("news"));
    }

    [Theory]
    [InlineData("alice", "$orders", "alice", "$orders", "")]
    [InlineData("alice", "$orders", "bob", "$orders", nameof(TokenRefusalReason.WrongUser))]
    [InlineData("alice", "$orders", null, "$orders", nameof(TokenRefusalReason.WrongUser))]
    [InlineData("alice", "$orders", "Alice", "$orders", nameof(TokenRefusalReason.WrongUser))]
    [InlineData("alice", "$orders", "alice", "$order", nameof(TokenRefusalReason.WrongChannel))]
    [InlineData("alice", "chat.*", "alice", "chat.*", nameof(TokenRefusalReason.BadClaim))]
    public async Task A_subscription_token_is_for_one_user_and_one_channel(string sub, string claimed, string? user, string channel, string reason)
    {
        var token = Hs256(Claims(("sub", sub), ("channel", claimed), ("info", 7)));
        var result = await Verifier().VerifySubscription(token, user, channel, default);
        Assert.Equal(reason, result.Refusal?.Reason.ToString() ?? "");
        if (result.Refusal is { } refusal)
            AssertSaysNothingOf(token, refusal);
        else
            Assert.Equal(("alice", "$orders", "7"), (result.Token!.User, result.Token.Channel, Encoding.UTF8.GetString(result.Token.Info!.Value.Span)));
    }

    [Theory]
    [InlineData("channels")]
    [InlineData("subs")]
    [InlineData("meta")]
    public async Task A_token_that_would_be_both_kinds_is_neither(string claim)
    {
        var token = Hs256(Claims(("channel", "news"), (claim, claim == "channels" ? new JsonArray() : new JsonObject())));
        Assert.Equal(TokenRefusalReason.BadClaim, (await Verifier().VerifySubscription(token, "alice", "news", default)).Refusal?.Reason);
        Assert.Equal(TokenRefusalReason.BadClaim, (await Verifier().VerifyConnection(token, default)).Refusal?.Reason);
    }

    [Fact]
    public async Task Refusals_are_counted_by_reason()
    {
        using var services = new ServiceCollection().AddMetrics().AddSingleton<TimeProvider>(_time).AddSingleton<SubscriptionCounts>().AddSingleton<NotifyMetrics>().BuildServiceProvider();
        var options = new TokenOptions { Algorithms = ["HS256"], HmacKeys = [Convert.ToBase64String(Secret)] };
        var verifier = new TokenVerifier(
            Options.Create(options), new JwksCache(null, _time, NullLogger<JwksCache>.Instance), Nothing(), _time, services.GetRequiredService<NotifyMetrics>());
        foreach (var claims in new[] { Claims(), Claims(("exp", Noon - 31)), Claims(("exp", Noon - 60)) })
            await verifier.VerifyConnection(Hs256(claims), default);
        foreach (var (user, channel) in new[] { ("alice", "news"), ("bob", "news"), ("alice", "sport") })
            await verifier.VerifySubscription(Hs256(Claims(("channel", "news"))), user, channel, default);

        var counted = new SortedDictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, reader) =>
        {
            if (instrument.Name == "notify.token_refusals" && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
                reader.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, count, labels, _) => counted.Add((string)labels[0].Value!, count));
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.Equal("[Expired, 2] [WrongChannel, 1] [WrongUser, 1]", string.Join(' ', counted));
    }

    [Fact]
    public async Task A_connection_token_is_no_subscription_token() =>
        Assert.Equal(TokenRefusalReason.BadClaim, (await Verifier().VerifySubscription(Hs256(Claims()), "alice", "news", default)).Refusal?.Reason);

    [Fact]
    public async Task An_expired_subscription_token_is_told_from_a_wrong_one() =>
        Assert.Equal(NotifyError.TokenExpired, (await Verifier().VerifySubscription(Hs256(Claims(("channel", "news"), ("exp", Noon - 31))), "bob", "news", default)).Refusal?.Code);

    [Fact]
    public async Task What_is_not_configured_is_not_checked()
    {
        var verifier = Verifier(new() { Algorithms = ["HS256"], HmacKeys = [Convert.ToBase64String(Secret)] });
        Assert.True((await verifier.VerifyConnection(Hs256(Claims(("iss", "x"), ("aud", "y"))), default)).IsGood);
        Assert.Equal(TokenRefusalReason.Algorithm, (await verifier.VerifyConnection(Rs256(Claims()), default)).Refusal?.Reason);
    }

    [Fact]
    public async Task Without_configuration_every_token_is_refused()
    {
        var verifier = Verifier(new());
        Assert.False(verifier.IsOn);
        Assert.Equal(TokenRefusalReason.Algorithm, (await verifier.VerifyConnection(Hs256(Claims()), default)).Refusal?.Reason);
    }

    [Fact]
    public async Task A_token_may_be_as_long_as_configured_and_no_longer()
    {
        var verifier = Verifier(new() { Algorithms = ["HS256"], HmacKeys = [Convert.ToBase64String(Secret)], MaxTokenBytes = 1024 });
        // 1,024 is the length of one of these, or 1,023.
        var tokens = Enumerable.Range(500, 200).Select(length => Hs256(Claims(("info", new string('x', length))))).ToList();

        Assert.True((await verifier.VerifyConnection(tokens.Last(token => token.Length <= 1024), default)).IsGood);
        Assert.Equal("The token is longer than 1024 bytes.", (await verifier.VerifyConnection(tokens.First(token => token.Length > 1024), default)).Refusal?.Sentence);
    }

    [Fact]
    public async Task Any_of_several_secrets_verifies()
    {
        var verifier = Verifier(new() { Algorithms = ["HS256"], HmacKeys = [Convert.ToBase64String(new byte[32]), Convert.ToBase64String(Secret)] });
        Assert.True((await verifier.VerifyConnection(Hs256(Claims()), default)).IsGood);
    }

    [Fact]
    public async Task Many_at_once_are_as_good_as_one()
    {
        var verifier = Verifier();
        var tokens = new[] { Hs256(Claims()), Rs256(Claims()), Es256(Claims()) };
        var bad = new[] { Es256(Claims(), ECDsa.Create(ECCurve.NamedCurves.nistP256)), Rs256(Claims(), OtherRsa) };
        var results = new System.Collections.Concurrent.ConcurrentBag<bool>();
        await Parallel.ForAsync(0, 200, async (i, _) =>
            results.Add((await verifier.VerifyConnection(tokens[i % 3], default)).IsGood && !(await verifier.VerifyConnection(bad[i % 2], default)).IsGood));
        Assert.Equal(200, results.Count(good => good));
    }

    private static string Exchanged(string token, string other) => $"{token.Split('.')[0]}.{other.Split('.')[1]}.{token.Split('.')[2]}";

    private static void AssertSaysNothingOf(string token, TokenRefusal refusal)
    {
        Assert.EndsWith(".", refusal.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, refusal.Sentence, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("alice", refusal.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("issuer.example", refusal.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(Secret)[..8], refusal.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(token.Split('.'), part => part.Length > 0 && refusal.Sentence.Contains(part, StringComparison.Ordinal));
    }

    private TokenVerifier Verifier()
    {
        File.WriteAllText(_folder["public.pem"], Rsa.ExportSubjectPublicKeyInfoPem() + "\n" + Curve.ExportSubjectPublicKeyInfoPem());
        return Verifier(new()
        {
            Algorithms = ["HS256", "RS256", "ES256"],
            HmacKeys = [Convert.ToBase64String(Secret)],
            PublicKeyFiles = [_folder["public.pem"]],
            Issuer = "https://issuer.example",
            Audience = "notify",
        });
    }

    private TokenVerifier Verifier(TokenOptions options)
    {
        Assert.Empty(new TokenOptionsCheck().Validate(null, options).Failures ?? []);
        return new(Options.Create(options), new JwksCache(null, _time, NullLogger<JwksCache>.Instance), _revoked, _time, TestMetrics.Create());
    }
}
