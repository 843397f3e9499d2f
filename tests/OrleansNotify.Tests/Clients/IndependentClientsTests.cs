using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Playwright;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Page;

namespace OrleansNotify.Tests.Clients;

/// <summary>Clients that we did not write, against the real server: the exercise's own script and curl command, npm's ws, and .NET's ClientWebSocket.</summary>
[Collection(Chromium.Collection)]
public sealed class IndependentClientsTests(Chromium chromium) : IClassFixture<NodeClients>, IAsyncLifetime
{
    private ServerProcess _server = null!;

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task The_exercises_script_in_node_logs_what_the_exercises_curl_command_publishes()
    {
        await using var client = ChildProcess.Start("node", ["--require", "./ws-as-global.cjs", "--eval", Exercise("exercise-client.js")], NodeClients.Folder);
        await client.Line("that it is subscribed", line => line.Contains("type: 'subscribed'", StringComparison.Ordinal));

        var answer = await ChildProcess.Run("bash", ["-c", Exercise("exercise-publish.sh")]);

        Assert.Contains(answer, line => line.Contains("\"id\":\"evt_", StringComparison.Ordinal));
        await client.Line("the event", line => line.Contains("message: 'New update available!'", StringComparison.Ordinal));
        await client.Line("its priority", line => line.Contains("priority: 'high'", StringComparison.Ordinal));
        Assert.Equal(2, client.Lines.Count(line => line.StartsWith("Received:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_exercises_script_in_a_browser_logs_what_the_exercises_curl_command_publishes()
    {
        // Any address of the server will do: the script needs no page, but a browser only lets pages of the same origin connect.
        await using var view = await chromium.OpenAsync(new Uri($"http://localhost:{_server.Port}/health/live"));
        var logged = Channel.CreateUnbounded<IConsoleMessage>();
        view.Page.Console += (_, message) =>
        {
            if (message.Type == "log") // not what the browser itself has to say
                logged.Writer.TryWrite(message);
        };
        await view.Page.EvaluateAsync($"() => {{ {Exercise("exercise-client.js")} }}");
        var first = await Next(logged.Reader);
        Assert.Equal("subscribed", first.GetProperty("type").GetString());

        await ChildProcess.Run("bash", ["-c", Exercise("exercise-publish.sh")]);

        var second = await Next(logged.Reader);
        Assert.Equal("event", second.GetProperty("type").GetString());
        Assert.Equal("notifications", second.GetProperty("channel").GetString());
        Assert.Equal("New update available!", second.GetProperty("data").GetProperty("message").GetString());
        Assert.Equal("high", second.GetProperty("data").GetProperty("priority").GetString());
    }

    [Fact]
    public async Task Npms_ws_walks_through_the_whole_base_protocol()
    {
        var printed = await ChildProcess.Run("node", ["ws-walk.js", _server.BaseAddress.ToString()], NodeClients.Folder, TimeSpan.FromSeconds(30));

        Assert.Equal("walked", printed[^1]);
    }

    [Fact]
    public async Task Dotnets_ClientWebSocket_walks_through_the_whole_base_protocol()
    {
        await using var client = await _server.ConnectAsync();
        await client.Subscribe("walk.a");

        var published = await _server.Publish("walk.a", """{"message":"héllo","n":1.50}""");
        await _server.Publish("walk.b", """{"message":"not for us"}""");
        var received = await client.Next("event");

        Assert.Equal("walk.a", received.Channel);
        Assert.Equal(published.GetProperty("id").GetString(), received.Json.GetProperty("id").GetString());
        Assert.Equal(published.GetProperty("offset").GetUInt64(), received.Offset);
        Assert.EndsWith(""","message":"héllo","n":1.50}""", received.Data.GetRawText(), StringComparison.Ordinal);
        await client.Ping();
        Assert.Empty(client.UntakenEvents());

        await client.Send("{\"type\":");
        await client.Next("error");
        await client.Unsubscribe("walk.a");
        await _server.Publish("walk.a", """{"message":"too late"}""");
        await client.Ping();
        Assert.Empty(client.UntakenEvents());

        await client.CloseAsync();
        Assert.Equal(1000, client.CloseStatus);
    }

    /// <summary>A file of the exercise, word for word but for the port.</summary>
    private string Exercise(string name)
    {
        var text = File.ReadAllText(Path.Combine(NodeClients.Folder, name));
        Assert.Single(text.Split("localhost:3000").Skip(1));
        return text.Replace("localhost:3000", $"localhost:{_server.Port}", StringComparison.Ordinal);
    }

    /// <summary>What the script logged next behind "Received:".</summary>
    private static async Task<JsonElement> Next(ChannelReader<IConsoleMessage> logged)
    {
        var message = await logged.ReadAsync().AsTask().WaitAsync(Until.DefaultTimeout, TimeProvider.System);
        Assert.StartsWith("Received:", message.Text, StringComparison.Ordinal);
        return await message.Args[1].JsonValueAsync<JsonElement>();
    }
}
