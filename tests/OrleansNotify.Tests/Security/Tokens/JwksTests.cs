using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Delivery;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Keys from an issuer, over real HTTP, by a clock that stands still unless a test moves it.</summary>
public sealed class JwksTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(Noon));
    private WebApplication _issuer = null!;
    private RequestDelegate _answer = null!;
    private int _asked;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _issuer = builder.Build();
        _issuer.Run(context =>
        {
            Interlocked.Increment(ref _asked);
            return _answer(context);
        });
        Publishes(Jwk(Rsa, "one"), Jwk(Curve, "two"));
        await _issuer.StartAsync();
    }

    public async Task DisposeAsync() => await _issuer.DisposeAsync();

    [Fact]
    public async Task Tokens_are_verified_by_the_key_they_name_and_the_issuer_is_asked_once()
    {
        var (verifier, _) = Verifier();
        foreach (var token in new[] { Rs256(Claims(), kid: "one"), Es256(Claims(), kid: "two"), Rs256(Claims(), kid: "one"), Rs256(Claims()) })
            Assert.True((await verifier.VerifyConnection(token, default)).IsGood);
        Assert.Equal(TokenRefusalReason.BadSignature, (await verifier.VerifyConnection(Rs256(Claims(), OtherRsa, "one"), default)).Refusal?.Reason);
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task An_unknown_key_is_asked_for_at_most_once_in_30_seconds()
    {
        var (verifier, _) = Verifier();
        Assert.Equal(TokenRefusalReason.UnknownKey, await Refusal(verifier, "three"));
        Publishes(Jwk(Rsa, "one"), Jwk(OtherRsa, "three"));
        _time.Advance(TimeSpan.FromSeconds(29.9));
        for (var i = 0; i < 20; i++)
            Assert.Equal(TokenRefusalReason.UnknownKey, await Refusal(verifier, $"made-up-{i}"));
        Assert.Equal(1, _asked);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True((await verifier.VerifyConnection(Rs256(Claims(), OtherRsa, "three"), default)).IsGood);
        Assert.Equal(2, _asked);
    }

    [Fact]
    public async Task Many_who_wait_for_keys_cause_one_request()
    {
        var (verifier, _) = Verifier();
        var answer = new TaskCompletionSource();
        var publishes = _answer;
        _answer = async context =>
        {
            await answer.Task;
            await publishes(context);
        };
        var waiting = Enumerable.Range(0, 50).Select(_ => verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default).AsTask()).ToList();
        await Until.Equal(1, "requests", () => _asked);
        using var gone = new CancellationTokenSource();
        var left = verifier.VerifyConnection(Rs256(Claims(), kid: "one"), gone.Token).AsTask();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        answer.SetResult();
        Assert.All(await Task.WhenAll(waiting), result => Assert.True(result.IsGood));
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task Without_a_first_answer_tokens_are_refused_for_now_and_the_next_try_is_5_seconds_later()
    {
        var (verifier, _) = Verifier();
        var publishes = _answer;
        _answer = Status(500);
        var refused = await verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default);
        Assert.Equal((TokenRefusalReason.KeysUnavailable, NotifyError.Internal), (refused.Refusal!.Reason, refused.Refusal.Code));
        _answer = publishes;
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(TokenRefusalReason.KeysUnavailable, await Refusal(verifier, "one"));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True((await verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default)).IsGood);
        Assert.Equal(2, _asked);
    }

    [Theory]
    [InlineData("status 500")]
    [InlineData("redirect")]
    [InlineData("too large")]
    [InlineData("too many keys")]
    [InlineData("no JSON")]
    [InlineData("no key")]
    [InlineData("connection cut")]
    public async Task A_failed_read_keeps_the_old_keys_and_leaves_unknown_ones_open(string failure)
    {
        var (verifier, cache) = Verifier();
        await cache.Refresh(default);
        _answer = failure switch
        {
            "status 500" => Status(500),
            "redirect" => context =>
            {
                if (context.Request.Path == "/elsewhere")
                    return context.Response.WriteAsync(Jwks(Jwk(Rsa, "nine")));
                context.Response.Redirect("/elsewhere");
                return Task.CompletedTask;
            }
            ,
            "too large" => Text(Jwks(Jwk(Rsa, "nine")) + new string(' ', 1 << 20)),
            "too many keys" => Text(Jwks([.. Enumerable.Repeat(Jwk(Rsa, "nine"), 101)])),
            "no JSON" => Text("<html>"),
            "no key" => Text(Jwks()),
            _ => context =>
            {
                context.Abort();
                return Task.CompletedTask;
            }
            ,
        };
        await cache.Refresh(default);
        Assert.True(cache.HasFailed);
        Assert.True((await verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default)).IsGood);
        Assert.Equal(TokenRefusalReason.KeysUnavailable, await Refusal(verifier, "nine"));
    }

    [Theory]
    [InlineData(4.9, null)]
    [InlineData(5, nameof(TokenRefusalReason.KeysUnavailable))]
    public async Task An_issuer_that_says_nothing_is_given_up_after_5_seconds(double seconds, string? reason)
    {
        var (verifier, _) = Verifier();
        var answer = new TaskCompletionSource();
        var publishes = _answer;
        _answer = async context =>
        {
            await answer.Task.WaitAsync(context.RequestAborted);
            await publishes(context);
        };
        var waiting = verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default).AsTask();
        await Until.Equal(1, "requests", () => _asked);
        _time.Advance(TimeSpan.FromSeconds(seconds));
        if (reason is null)
            answer.SetResult();
        Assert.Equal(reason, (await waiting.WaitAsync(Until.DefaultTimeout)).Refusal?.Reason.ToString());
    }

    [Fact]
    public async Task Keys_are_read_anew_every_10_minutes_and_withdrawn_ones_end()
    {
        var (verifier, cache) = Verifier();
        using var refresh = new JwksRefresh(cache, _time);
        await refresh.StartAsync(default);
        await Until.Equal(1, "its first read", () => _asked); // a token that came before it would be the cause of one more
        await Until.True("the first keys", async () => (await verifier.VerifyConnection(Rs256(Claims(), kid: "one"), default)).IsGood);
        Publishes(Jwk(Rsa, "new"));
        await Until.True("the next read", () =>
        {
            // The timer may not be there yet when the keys are.
            _time.Advance(_asked == 1 && _time.GetUtcNow() < DateTimeOffset.FromUnixTimeSeconds(Noon + 700) ? TimeSpan.FromMinutes(1) : TimeSpan.Zero);
            return _asked == 2;
        });
        await Until.Equal(TokenRefusalReason.UnknownKey, "the withdrawn key", async () => await Refusal(verifier, "one") ?? default);
        await refresh.StopAsync(default);
    }

    [Fact]
    public async Task Only_keys_that_verify_our_signatures_count()
    {
        using var small = RSA.Create(1024);
        using var wide = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Publishes(
            Jwk(OtherRsa, "encrypts", ",\"use\":\"enc\""),
            Jwk(OtherRsa, "wraps", ",\"key_ops\":[\"wrapKey\"]"),
            Jwk(OtherRsa, "other-algorithm", ",\"alg\":\"PS256\""),
            Jwk(Curve, "rsa-by-name", ",\"alg\":\"RS256\""),
            Jwk(small, "small"),
            Jwk(wide, "wide"),
            """{"kty":"oct","kid":"secret","k":"BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"}""",
            """{"kty":"RSA","kid":"broken","n":"!!","e":"AQAB"}""",
            """{"kty":"EC","kid":"no-point","crv":"P-256","x":"AQAB","y":"AQAB"}""",
            Jwk(Rsa, "good", ",\"use\":\"sig\",\"alg\":\"RS256\",\"key_ops\":[\"verify\"]"));
        var (verifier, _) = Verifier();
        Assert.True((await verifier.VerifyConnection(Rs256(Claims(), kid: "good"), default)).IsGood);
        foreach (var (kid, key) in new[] { ("encrypts", OtherRsa), ("wraps", OtherRsa), ("other-algorithm", OtherRsa), ("small", small), ("broken", Rsa) })
            Assert.Equal(TokenRefusalReason.UnknownKey, (await verifier.VerifyConnection(Rs256(Claims(), key, kid), default)).Refusal?.Reason);
        foreach (var kid in new[] { "rsa-by-name", "wide", "no-point" })
            Assert.Equal(TokenRefusalReason.UnknownKey, (await verifier.VerifyConnection(Es256(Claims(), kid: kid), default)).Refusal?.Reason);
        Assert.Equal(TokenRefusalReason.Algorithm, (await verifier.VerifyConnection(Hs256(Claims(), header: """{"alg":"HS256","kid":"secret"}"""), default)).Refusal?.Reason);
    }

    [Fact]
    public async Task A_token_without_a_key_id_does_only_where_one_key_can_be_meant()
    {
        Publishes(Jwk(Rsa, "one"), Jwk(OtherRsa, "two"));
        var (verifier, _) = Verifier();
        Assert.Equal(TokenRefusalReason.UnknownKey, (await verifier.VerifyConnection(Rs256(Claims()), default)).Refusal?.Reason);
    }

    [Fact]
    public async Task Nobody_elses_token_makes_us_ask()
    {
        var (verifier, _) = Verifier();
        Assert.Equal(TokenRefusalReason.WrongIssuer, (await verifier.VerifyConnection(Rs256(Claims(("iss", "else")), kid: "x"), default)).Refusal?.Reason);
        Assert.Equal(0, _asked);
    }

    private static RequestDelegate Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(Jwks(Jwk(Rsa, "nine")));
    };

    private static RequestDelegate Text(string text) => context => context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask();

    private static async Task<TokenRefusalReason?> Refusal(TokenVerifier verifier, string kid) =>
        (await verifier.VerifyConnection(Rs256(Claims(), kid: kid), default)).Refusal?.Reason;

    private void Publishes(params string[] keys) => _answer = Text(Jwks(keys));

    private (TokenVerifier Verifier, JwksCache Cache) Verifier()
    {
        var options = new TokenOptions { Algorithms = ["RS256", "ES256"], JwksUrl = _issuer.Urls.Single() + "/keys?x=1", Issuer = "https://issuer.example" };
        Assert.Empty(new TokenOptionsCheck().Validate(null, options).Failures ?? []);
        var cache = new JwksCache(JwksSource.Of(options), _time, NullLogger<JwksCache>.Instance);
        return (new(Options.Create(options), cache, Nothing(), _time, TestMetrics.Create()), cache);
    }
}
