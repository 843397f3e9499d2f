using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Server.Verbs;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Server;

/// <summary>The verbs <c>token</c>, <c>api-key</c> and <c>check-config</c>: what they print is what the server takes.</summary>
public sealed class SecurityVerbsTests : IDisposable
{
    private const string Secret = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY=";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_connection_token_is_what_the_server_takes()
    {
        var token = Token(
            "connection", "--sub", "alice", "--exp", "1h", "--channel", "news", "--channel", "$orders", "--allow", "chat.*", "--info", """{"n":1}""", "--meta", "2",
            "--Notify:Tokens:HmacKeys:0", Secret, "--Notify:Tokens:Audience=notify", "--Notify:Tokens:Issuer", "me");
        var verifier = Verifier(new() { Algorithms = ["HS256"], HmacKeys = [Secret], Audience = "notify", Issuer = "me" });
        var said = (await verifier.VerifyConnection(token, default)).Token!;
        Assert.Equal("alice", said.User);
        Assert.InRange(said.Expires - TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(60));
        Assert.Equal(["news", "$orders"], said.Channels);
        Assert.True(said.Permissions.Cover("chat.a"));
        Assert.Equal(("""{"n":1}""", "2"), (Encoding.UTF8.GetString(said.Info!.Value.Span), Encoding.UTF8.GetString(said.Meta!.Value.Span)));
    }

    [Fact]
    public async Task A_subscription_token_may_be_signed_with_a_key_file()
    {
        using var rsa = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(_folder["public.pem"], rsa.ExportSubjectPublicKeyInfoPem() + "\n" + curve.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(_folder["rsa.pem"], rsa.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_folder["ec.pem"], curve.ExportECPrivateKeyPem());
        var verifier = Verifier(new() { Algorithms = ["RS256", "ES256"], PublicKeyFiles = [_folder["public.pem"]] });
        foreach (var file in new[] { "rsa.pem", "ec.pem" })
        {
            var token = Token("subscription", "--sub", "alice", "--channel", "$orders", "--exp", "30m", "--key-file", _folder[file], "--kid", "k1");
            var result = await verifier.VerifySubscription(token, "alice", "$orders", default);
            Assert.True(result.IsGood, result.Refusal?.Sentence);
            Assert.Contains("\"kid\":\"k1\"", Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[0])), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Which token? token connection --sub USER")]
    [InlineData("Which token? token connection --sub USER", "other")]
    [InlineData("--sub is missing: it takes a user id.", "connection", "--exp", "1h")]
    [InlineData("--sub takes a user id, 1 to 128", "connection", "--exp", "1h", "--sub", "two words")]
    [InlineData("--exp is missing: it takes how long it is valid", "connection", "--sub", "a")]
    [InlineData("--exp takes a number with s, m, h or d", "connection", "--sub", "a", "--exp", "1")]
    [InlineData("--exp takes a number with s, m, h or d", "connection", "--sub", "a", "--exp", "0h")]
    [InlineData("--exp needs a value.", "connection", "--sub", "a", "--exp")]
    [InlineData("--sub is there more than once.", "connection", "--sub", "a", "--sub", "b", "--exp", "1h")]
    [InlineData("--channel: Invalid channel", "connection", "--sub", "a", "--exp", "1h", "--channel", "a..b")]
    [InlineData("--channel is missing", "subscription", "--sub", "a", "--exp", "1h")]
    [InlineData("--allow takes a channel or a pattern", "connection", "--sub", "a", "--exp", "1h", "--allow", "chat*")]
    [InlineData("--info: Invalid JSON", "connection", "--sub", "a", "--exp", "1h", "--info", "{")]
    [InlineData("'--meta' is not known here", "subscription", "--sub", "a", "--channel", "b", "--exp", "1h", "--meta", "1")]
    [InlineData("No key to sign with: configure Notify:Tokens:HmacKeys:0", "connection", "--sub", "a", "--exp", "1h")]
    [InlineData("Notify:Tokens:HmacKeys:0 is 12 bytes long", "connection", "--sub", "a", "--exp", "1h", "--Notify:Tokens:HmacKeys:0", "c2hvcnQtY2FuYXJ5")]
    [InlineData("--key-file ('/nowhere.pem') cannot be read.", "connection", "--sub", "a", "--exp", "1h", "--key-file", "/nowhere.pem")]
    public void A_token_that_cannot_be_made_is_one_sentence(string sentence, params string[] args)
    {
        var problem = Assert.Throws<StartException>(() => Token(args));
        Assert.StartsWith(sentence, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_public_key_signs_nothing()
    {
        using var rsa = RSA.Create(2048);
        File.WriteAllText(_folder["public.pem"], rsa.ExportSubjectPublicKeyInfoPem());
        var problem = Assert.Throws<StartException>(() => Token("connection", "--sub", "a", "--exp", "1h", "--key-file", _folder["public.pem"]));
        Assert.Contains("must hold a private key in PEM", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_settings_that_come_with_a_new_key_let_it_in()
    {
        var lines = Lines(output => ApiKeyVerb.Run(["--name", "backend", "--scopes", "publish,read", "--channels", "chat.*,$orders"], output));
        var key = lines[0].Split(' ')[^1];
        string[] settings = [.. lines.Where(line => line.StartsWith("  Notify__", StringComparison.Ordinal)).Select(line => "--" + line.Trim().Replace("__", ":", StringComparison.Ordinal))];
        Assert.Equal(6, settings.Length);
        Assert.DoesNotContain(settings, setting => setting.Contains(key, StringComparison.Ordinal));
        await using var app = NotifyServer.Build(settings);
        var known = app.Services.GetRequiredService<ApiKeys>().Find(key)!;
        Assert.Equal(("backend", ApiScopes.Publish | ApiScopes.Read), (known.Name, known.Scopes));
        Assert.Equal((true, true, false), (known.Channels.Cover("chat.a"), known.Channels.Cover("$orders"), known.Channels.Cover("news")));

        // The next one stands behind it, under another name.
        Assert.Contains(Lines(output => ApiKeyVerb.Run(["--name", "other", "--scopes", "admin", .. settings], output)), line => line == "  Notify__ApiKeys__1__Name=other");
        Assert.StartsWith(
            "Notify:ApiKeys has a key called 'backend' already", Assert.Throws<StartException>(() => ApiKeyVerb.Run(["--name", "backend", "--scopes", "admin", .. settings], TextWriter.Null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--name is missing", "--scopes", "read")]
    [InlineData("--scopes is missing", "--name", "a")]
    [InlineData("--name takes 1 to 64", "--name", "a b", "--scopes", "read")]
    [InlineData("--scopes takes publish, read or admin", "--name", "a", "--scopes", "read,write")]
    [InlineData("--scopes takes publish, read or admin", "--name", "a", "--scopes", "")]
    [InlineData("--channels takes channels and patterns", "--name", "a", "--scopes", "read", "--channels", "chat*")]
    [InlineData("'stray' is not known here", "stray")]
    public void A_key_that_cannot_be_made_is_one_sentence(string sentence, params string[] args) =>
        Assert.StartsWith(sentence, Assert.Throws<StartException>(() => ApiKeyVerb.Run(args, TextWriter.Null)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Check_config_says_what_the_configuration_means_and_no_secret()
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await CheckConfigVerb.RunAsync(
            [
                "--urls", "http://127.0.0.1:3001", "--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:ConnectionString", "127.0.0.1:1,password=canary-1", "--Notify:Cluster:AdvertisedAddress", "127.0.0.1",
                "--Notify:Namespaces:orders:Class", "Durable", "--Notify:Tokens:Algorithms:0", "HS256", "--Notify:Tokens:HmacKeys:0", Secret, "--Notify:Tokens:Audience", "notify",
                "--Notify:Tokens:Algorithms:1", "RS256", "--Notify:Tokens:JwksUrl", "https://issuer.example/keys?code=canary-2", "--Notify:Tokens:Issuer", "me",
                "--Notify:ApiKeys:0:Name", "backend", "--Notify:ApiKeys:0:Hash", Secret, "--Notify:ApiKeys:0:Scopes:0", "publish",
                "--Notify:Webhooks:0:Url", "https://receiver.example/canary-3?code=canary-4", "--Notify:Webhooks:0:Secret", Secret, "--Notify:Webhooks:0:Events:0", "occupied",
            ],
            output, errors);
        var text = output.ToString();
        Assert.Equal((0, ""), (code, errors.ToString()));
        Assert.Contains("Listens on: http://127.0.0.1:3001", text, StringComparison.Ordinal);
        Assert.Contains("Cluster: notify, Redis, connection string set", text, StringComparison.Ordinal);
        Assert.Contains("Namespace orders: Durable", text, StringComparison.Ordinal);
        Assert.Contains("Tokens: HS256, RS256 by 1 secret(s), https://issuer.example/keys; issuer me; audience notify;", text, StringComparison.Ordinal);
        Assert.Contains("API key backend: publish; channels: all", text, StringComparison.Ordinal);
        Assert.Contains("Webhook 0: to https://receiver.example, events: occupied; channels: all; at most 10000 waiting, 10 tries of 00:00:10 within 00:05:00", text, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret[..12], text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_config_names_every_problem()
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await CheckConfigVerb.RunAsync(
            ["--Notify:Tokens:Algorithms:0", "none", "--Notify:Tokens:ClockSkew", "01:00:00", "--Notify:ApiKeys:0:Name", "x", "--Notify:Limits:MessageBytes", "1", "--Notify:Webhooks:0:Tries", "0"], output, errors);
        Assert.Equal((1, ""), (code, output.ToString()));
        Assert.All(
            ["Notify:Tokens:Algorithms:0 ('none')", "Notify:Tokens:ClockSkew", "Notify:ApiKeys:0:Hash", "Notify:ApiKeys:0:Scopes", "Notify:Limits:MessageBytes", "Notify:Webhooks:0:Url", "Notify:Webhooks:0:Secret", "Notify:Webhooks:0:Tries"],
            setting => Assert.Contains(setting, errors.ToString(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Refusing to listen on 0.0.0.0:3001: anybody who reaches it could publish and listen.", "--urls", "http://0.0.0.0:3001")]
    [InlineData("Refusing to listen on [::]:3001: anybody", "--urls", "http://127.0.0.1:3002;http://*:3001")]
    [InlineData("Refusing to listen on 0.0.0.0:3001: anybody", "--Kestrel:Endpoints:Web:Url", "http://0.0.0.0:3001")]
    [InlineData("urls ('http://localhost:0') must be an address", "--urls", "http://localhost:0")]
    [InlineData("Kestrel:Endpoints:Web:Certificate cannot be used:", "--Kestrel:Endpoints:Web:Url", "https://127.0.0.1:3001", "--Kestrel:Endpoints:Web:Certificate:Path", "/nowhere.pfx")]
    [InlineData("Refusing to listen for silos on 0.0.0.0:12001: anybody", "--Notify:Cluster:SiloPort", "12001", "--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:ConnectionString", "127.0.0.1:1", "--Notify:Cluster:AdvertisedAddress", "10.1.2.3")]
    public async Task Check_config_says_where_the_server_would_not_listen(string sentence, params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        Assert.Equal((1, ""), (await CheckConfigVerb.RunAsync(args, output, errors), output.ToString()));
        Assert.StartsWith(sentence, Assert.Single(errors.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_config_says_so_of_the_web_and_of_the_silos_and_of_neither_on_a_network_that_is_trusted()
    {
        string[] args = ["--urls", "http://0.0.0.0:3001", "--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:ConnectionString", "127.0.0.1:1", "--Notify:Cluster:AdvertisedAddress", "10.1.2.3"];
        using var errors = new StringWriter();
        Assert.Equal(1, await CheckConfigVerb.RunAsync(args, TextWriter.Null, errors));
        Assert.Equal(["Refusing to listen on", "Refusing to listen for"], errors.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Select(line => line[..line.IndexOf(' ', 20)].Trim()));

        using var none = new StringWriter();
        Assert.Equal((0, ""), (await CheckConfigVerb.RunAsync([.. args, "--insecure"], TextWriter.Null, none), none.ToString()));
    }

    [Fact]
    public async Task Check_config_may_run_beside_the_server()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        using var errors = new StringWriter();
        Assert.Equal((0, ""), (await CheckConfigVerb.RunAsync(["--urls", $"http://{server.LocalEndpoint}"], TextWriter.Null, errors), errors.ToString()));
    }

    private static string Token(params string[] args) => Assert.Single(Lines(output => TokenVerb.Run(args, output, TimeProvider.System)));

    private static string[] Lines(Func<TextWriter, int> run)
    {
        using var output = new StringWriter();
        Assert.Equal(0, run(output));
        return output.ToString().Split(Environment.NewLine)[..^1];
    }

    private static TokenVerifier Verifier(TokenOptions options) =>
        new(Options.Create(options), new JwksCache(null, TimeProvider.System, NullLogger<JwksCache>.Instance), Security.Tokens.Keys.Nothing(), TimeProvider.System, Delivery.TestMetrics.Create());
}
