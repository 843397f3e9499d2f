using System.Text;
using System.Text.Json.Nodes;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Security.Tokens;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Security;

/// <summary>A server that logs all there is is shown every kind of secret, in good requests and in bad ones: none stands in its log, its metrics or its errors.</summary>
public sealed class CanaryTests : IDisposable
{
    private const string Key = "onk_canary-key";
    private const string HookSecret = "Y2FuYXJ5LWhvb2stY2FuYXJ5LWhvb2stY2FuYXJ5LTEyMzQ=";
    private const string HookCode = "canary-code";
    private const string Payload = "canary-payload";

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _errors = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_secret_stands_in_a_log_line_a_metric_or_an_error()
    {
        var settings = new Dictionary<string, string?>(BadTokens.Settings(_folder["keys.json"]))
        {
            ["Notify:Storage:Path"] = _folder["notify.db"],
            ["Notify:Namespaces:kept:Class"] = "Durable",
            ["Notify:Namespaces:kept:ClientPublish"] = "true",
            ["Notify:ApiKeys:0:Name"] = "all",
            ["Notify:ApiKeys:0:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(Key)),
            ["Notify:ApiKeys:0:Scopes:0"] = "publish",
            ["Notify:ApiKeys:0:Scopes:1"] = "read",
            ["Notify:Webhooks:0:Url"] = $"http://127.0.0.1:1/hook?code={HookCode}", // nobody listens: its tries fail
            ["Notify:Webhooks:0:Secret"] = HookSecret,
        };
        foreach (var category in new[] { "Default", "OrleansNotify", "Orleans.Runtime.Silo", "Orleans.Runtime.Watchdog" }) // appsettings.json says less for these
            settings[$"Logging:LogLevel:{category}"] = "Trace";
        await using var server = await ServerProcess.StartAsync(arguments: [.. settings.Select(setting => $"--{setting.Key}={setting.Value}")]);
        var good = BadTokens.Good(("subs", new JsonObject { ["$orders"] = new JsonObject() }), ("info", Payload), ("meta", Payload));
        string[] tokens = [good, BadTokens.Good(("channel", "$orders")), .. BadTokens.Names.Select(name => BadTokens.Of(name).Make([]))];

        foreach (var token in tokens)
            await Show(server, token);
        await Publish(server, good);
        var metrics = await (await Send(server, "GET", "/metrics", null, Key)).Content.ReadAsStringAsync();
        await server.Line("the webhook's failure", line => line.Contains("Webhook 0 (127.0.0.1:1)", StringComparison.Ordinal));
        Assert.Equal(0, await server.StopAsync(ChildProcess.SigTerm));

        Assert.Contains(server.Output, line => line.Contains("trce:", StringComparison.Ordinal));
        Assert.Contains("notify_publications_total", metrics, StringComparison.Ordinal);
        Assert.Equal(8 * tokens.Length + 11, _errors.Count);
        // Of a token each part alone is one, and the beginning of one, but for the header, which is everybody's.
        var parts = tokens.SelectMany(token => token.Split('.')[1..]).Where(part => part.Length > 0).Select(part => part[..Math.Min(part.Length, 24)]);
        string[] secrets = [Key, HookSecret, HookCode, Payload, Convert.ToBase64String(Keys.Secret), .. parts];
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(server.Output, line => line.Contains(secret, StringComparison.OrdinalIgnoreCase));
            Assert.DoesNotContain(_errors, error => error.Contains(secret, StringComparison.OrdinalIgnoreCase));
            Assert.DoesNotContain(secret, metrics, StringComparison.OrdinalIgnoreCase);
        }
    }

    // By each way there is, to what takes tokens and to what does not; also where the request is broken.
    private async Task Show(ServerProcess server, string token)
    {
        foreach (var (path, headers) in new (string, (string, string)[])[]
        {
            ("/ws", [("Authorization", $"Bearer {token}")]), ($"/ws?access_token={token}", []), ("/ws", [("Sec-WebSocket-Protocol", $"notify.token.{token}")]),
        })
        {
            await using var raw = await RawSocket.ConnectAsync(server.Port);
            if ((await raw.Handshake(path, headers)).Status != 101)
                continue; // longer than an address may be
            await raw.SendText("""{"type":"ping"}""");
            await raw.ReadFrame();
        }
        await using (var raw = await RawSocket.OpenAsync(server.Port))
        {
            foreach (var text in new[]
            {
                $$"""{"type":"auth","token":"{{token}}"}""", $$"""{"type":"refresh","token":"{{token}}"}""", $$"""{"type":"subscribe","channel":"$orders","token":"{{token}}"}""", token,
            })
            {
                await raw.SendText(text);
                _errors.Add((await raw.ReadFrame())!.Text);
            }
        }
        _errors.Add(await (await Send(server, "GET", "/api/stats", null, token)).Content.ReadAsStringAsync());
        _errors.Add(await (await Send(server, "GET", $"/api/stats?access_token={token}", null, null)).Content.ReadAsStringAsync());
        foreach (var head in new[] { $"GET /ws?access_token={token}\r\n", $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.Port}\r\nAuthorization Bearer {token}\r\n" })
            _errors.Add((await RawSocket.Http(server.Port, Encoding.ASCII.GetBytes($"{head}\r\n"))).Body);
    }

    private async Task Publish(ServerProcess server, string token)
    {
        foreach (var channel in new[] { "news", "kept:news" })
        {
            var data = $$"""{"channel":"{{channel}}","data":"{{Payload}}"}""";
            Assert.Equal(202, (int)(await Send(server, "POST", "/api/events", data, Key)).StatusCode);
            Assert.Equal(200, (int)(await Send(server, "POST", "/api/events/batch", $"[{data}]", Key)).StatusCode);
        }
        Assert.Equal(202, (int)(await Send(server, "POST", "/api/users/alice/events", $$"""{"data":"{{Payload}}"}""", Key)).StatusCode);
        foreach (var body in new[]
        {
            $"\"{Payload}\"", "{\"channel\":\"news\",\"data\":" + Payload + "}", $$"""{"channel":"news","data":"{{Payload}}""", $$"""{"channel":"a..b","data":"{{Payload}}"}""",
            $$$"""{"channel":"news","data":{"a":"{{{Payload}}}","a":2}}""", $$"""{"channel":"nowhere:a","data":"{{Payload}}"}""", $$"""{"channel":"news","data":"{{Payload}}","tags":1}""",
            $$"""{"channel":"news","data":"\ud800{{Payload}}"}""", $$"""{"channel":"news","data":"{{new string('x', 70_000)}}{{Payload}}"}""",
        })
        {
            using var refused = await Send(server, "POST", "/api/events", body, Key);
            Assert.InRange((int)refused.StatusCode, 400, 499);
            _errors.Add(await refused.Content.ReadAsStringAsync());
        }
        foreach (var key in new[] { Key + Payload, token })
            _errors.Add(await (await Send(server, "POST", "/api/events", "{}", key)).Content.ReadAsStringAsync());

        await using var client = await WsClient.ConnectAsync(server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {token}" });
        await client.Subscribe("kept:news");
        await client.Send(new { type = "publish", channel = "kept:news", data = Payload });
        await client.Next("event");
    }

    private static async Task<HttpResponseMessage> Send(ServerProcess server, string method, string path, string? body, string? key)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        return await server.Http.SendAsync(request);
    }
}
