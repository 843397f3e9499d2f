using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>One server for all of these tests, and one client of it that must lose nothing whatever the others send.</summary>
public sealed class BadInputServer : IAsyncLifetime
{
    public const string Collection = "bad input";

    private const string WitnessChannel = "witness";

    private WsClient _witness = null!;
    private int _published;
    private int _errors;

    public RunningServer Server { get; private set; } = null!;

    public int Port => Server.WebSocket.Port;

    public HttpClient Http => Server.Http;

    public async Task InitializeAsync()
    {
        Server = await RunningServer.StartAsync(new()
        {
            ["Notify:Development:AllowUserParameter"] = "true",
            ["Notify:Namespaces:chat:ClientPublish"] = "true",
            ["Notify:Limits:SubscribeBurst"] = "1000", // the limit tested is that of subscriptions
        });
        _witness = await Server.WebSocket.Subscribed(WitnessChannel);
    }

    public async Task DisposeAsync()
    {
        await _witness.DisposeAsync();
        await Server.DisposeAsync();
    }

    public Task<RawSocket> Open(params (string Name, string Value)[] headers) => RawSocket.OpenAsync(Port, "/ws", headers);

    /// <summary>Publishes for the witness while something goes on.</summary>
    public Task PublishToWitness() => Http.Publish(WitnessChannel, $$"""{"n":{{++_published}}}""");

    /// <summary>The witness has every event, each once and in order, and the server saw nothing that somebody must look at.</summary>
    public async Task AssertUnharmed()
    {
        await PublishToWitness();
        await Until.True("the witness has the last event", () => _witness.Frames[^1] is { Type: "event" } last && last.Offset == (ulong)_published);
        Assert.Equal(Enumerable.Range(1, _published), _witness.Frames.Where(frame => frame.Type == "event").Numbers());
        Assert.DoesNotContain(_witness.Frames, frame => frame.Type is "error" or "position");
        var errors = Server.Log.Errors.Skip(_errors).ToList();
        _errors += errors.Count; // what one test has brought about is not the next one's fault
        Assert.True(errors.Count == 0, string.Join('\n', errors));
    }
}

[CollectionDefinition(BadInputServer.Collection)]
public sealed class BadInputCollection : ICollectionFixture<BadInputServer>;

/// <summary>Behind every test: nothing lost for the others, nothing unhandled in the log.</summary>
[Collection(BadInputServer.Collection)]
public abstract class BadInputTest(BadInputServer server) : IAsyncLifetime
{
    protected BadInputServer Server => server;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => server.AssertUnharmed();
}
