using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Threading.Channels;

namespace OrleansNotify.Testing;

/// <summary>A client of <c>/sse</c> on .NET's own parser of Server-Sent Events. It reads all the time; waits take events out in order, each with a deadline.</summary>
public sealed class SseClient : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Channel<SseMessage> _messages = Channel.CreateUnbounded<SseMessage>();
    private readonly HttpResponseMessage _response;

    private SseClient(HttpResponseMessage response)
    {
        _response = response;
        Ended = Read();
    }

    /// <summary>Ends when the stream has: true when the server ended it in good order, false when it was cut.</summary>
    public Task<bool> Ended { get; }

    /// <summary>What it would come back with.</summary>
    public string LastEventId { get; private set; } = "";

    /// <summary>The response's headers.</summary>
    public HttpResponseMessage Response => _response;

    /// <summary>Connects; fails unless the answer is 200.</summary>
    /// <param name="http">Whose base address is the server.</param>
    /// <param name="query">Such as <c>channel=a&amp;channel=b</c>.</param>
    /// <param name="lastEventId">Of an earlier connection; null: none.</param>
    public static async Task<SseClient> ConnectAsync(HttpClient http, string query, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/sse?{query}");
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Until.DefaultTimeout, TimeProvider.System);
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"/sse?{query} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        return new SseClient(response);
    }

    /// <summary>Takes the next message, whatever it is.</summary>
    public async Task<SseMessage> Next(TimeSpan? timeout = null) => await _messages.Reader.ReadAsync().AsTask().WaitAsync(timeout ?? Until.DefaultTimeout, TimeProvider.System);

    /// <summary>Takes this many messages.</summary>
    public async Task<IReadOnlyList<SseMessage>> Take(int count, TimeSpan? timeout = null)
    {
        List<SseMessage> taken = [];
        while (taken.Count < count)
            taken.Add(await Next(timeout));
        return taken;
    }

    /// <summary>Messages that no wait has taken.</summary>
    public int Untaken => _messages.Reader.Count;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Ended;
        _response.Dispose();
        _end.Dispose();
    }

    private async Task<bool> Read()
    {
        try
        {
            var parser = SseParser.Create(await _response.Content.ReadAsStreamAsync(_end.Token));
            await foreach (var item in parser.EnumerateAsync(_end.Token))
            {
                LastEventId = parser.LastEventId;
                await _messages.Writer.WriteAsync(new(item.EventType, parser.LastEventId, new(item.Data, JsonDocument.Parse(item.Data).RootElement)));
            }
            return true;
        }
        catch (Exception ended) when (ended is IOException or HttpRequestException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            _messages.Writer.Complete();
        }
    }
}

/// <summary>One event of a stream.</summary>
/// <param name="EventType">Its type; <c>message</c> unless the server says another.</param>
/// <param name="LastEventId">The client's last event id once it has this one.</param>
/// <param name="Frame">Its data.</param>
public sealed record SseMessage(string EventType, string LastEventId, WsFrame Frame);
