using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using OrleansNotify.Cluster.Tests.History;
using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>
/// Publishes at a fixed rate whatever the answers (open loop), round robin over silos and channels. A publication that is not accepted is sent once more, with the
/// same Idempotency-Key, to the next silo. It records every attempt.
/// </summary>
public sealed class Publishers : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10); // more than any deadline of the server's
    private const string NoConnection = "no connection";
    private readonly IReadOnlyList<HttpClient> _silos;
    private readonly IReadOnlyList<string> _channels;
    private readonly int _perSecond;
    private readonly RunClock _clock;
    private readonly ConcurrentQueue<PublishAttempt> _attempts = [];
    private readonly ConcurrentDictionary<int, Task> _underWay = [];
    private int _published;

    /// <summary>Makes them; <see cref="Run"/> starts them.</summary>
    public Publishers(IEnumerable<Uri> silos, IReadOnlyList<string> channels, int perSecond, RunClock clock)
    {
        _silos = [.. silos.Select(silo => new HttpClient { BaseAddress = silo, Timeout = Patience })];
        _channels = channels;
        _perSecond = perSecond;
        _clock = clock;
    }

    /// <summary>Publications begun.</summary>
    public int Published => Volatile.Read(ref _published);

    /// <summary>All attempts that have ended.</summary>
    public IReadOnlyList<PublishAttempt> Attempts => [.. _attempts];

    /// <summary>Publishes until cancelled, and returns when every answer is in.</summary>
    public async Task Run(CancellationToken stopping)
    {
        var began = _clock.Now;
        var pauses = TimeSpan.Zero;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        try
        {
            for (var behind = 0; await timer.WaitForNextTickAsync(stopping);)
            {
                behind = (int)((_clock.Now - began - pauses).TotalSeconds * _perSecond) - Published;
                // This process was kept from running: the rate is not made up for by a burst that no publisher would send.
                if (behind > _perSecond / 4)
                    pauses += TimeSpan.FromSeconds((double)(behind - (_perSecond / 4)) / _perSecond);
                for (var due = Math.Min(behind, _perSecond / 4); due > 0; due--)
                    Begin(_published++);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }

        await Task.WhenAll(_underWay.Values);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var silo in _silos)
            silo.Dispose();
    }

    private void Begin(int number)
    {
        var task = Publish(number);
        _underWay[number] = task;
        _ = task.ContinueWith(_ => _underWay.TryRemove(number, out var _), TaskScheduler.Default);
    }

    private async Task Publish(int number)
    {
        var channel = _channels[number % _channels.Count];
        var key = string.Create(CultureInfo.InvariantCulture, $"p-{number}");
        var data = $$"""{"k":"{{key}}","pad":"{{new string((char)('a' + (number % 26)), 40)}}"}""";
        var payload = PayloadHash.Of(Encoding.UTF8.GetBytes(data));
        var body = Encoding.UTF8.GetBytes($$"""{"channel":"{{channel}}","data":{{data}}}""");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            // A silo that refuses the connection costs nothing: the next one is tried, as every load balancer does. The retry goes elsewhere.
            var silo = (number + attempt) % _silos.Count;
            var sentAt = _clock.Now;
            var (outcome, position, detail, retryAfter) = await Send(_silos[silo], body, key);
            for (var others = 1; others < _silos.Count && detail == NoConnection; others++)
            {
                silo = (silo + 1) % _silos.Count;
                (outcome, position, detail, retryAfter) = await Send(_silos[silo], body, key);
            }

            _attempts.Enqueue(new(channel, key, payload, sentAt, _clock.Now, outcome, position, $"silo {silo}: {detail}"));
            if (outcome is PublishOutcome.Accepted or PublishOutcome.Refused)
                return;
            if (attempt == 0)
                await RunClock.Pause(retryAfter ?? RunClock.Between(50, 150), CancellationToken.None);
        }
    }

    private static async Task<(PublishOutcome Outcome, ChannelPosition? Position, string Detail, TimeSpan? RetryAfter)> Send(HttpClient silo, byte[] body, string key)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("api/events", UriKind.Relative)) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Add("Idempotency-Key", key);
            using var reply = await silo.SendAsync(request);
            using var json = JsonDocument.Parse(await reply.Content.ReadAsByteArrayAsync());
            var answer = json.RootElement;
            if (reply.StatusCode == HttpStatusCode.Accepted)
                return (PublishOutcome.Accepted, new(ReplyFrame.EpochOf(answer.GetProperty("epoch").GetString()), answer.GetProperty("offset").GetUInt64()), "202", null);
            var outcome = (int)reply.StatusCode < 500 ? PublishOutcome.Refused
                : answer.TryGetProperty("outcome", out var told) && told.GetString() == "not_accepted" ? PublishOutcome.NotAccepted
                : PublishOutcome.Unknown;
            return (outcome, null, $"{(int)reply.StatusCode} {answer.GetProperty("detail").GetString()}", reply.Headers.RetryAfter?.Delta);
        }
        catch (HttpRequestException never) when (never.HttpRequestError == HttpRequestError.ConnectionError)
        {
            return (PublishOutcome.NotAccepted, null, NoConnection, null); // nothing was sent
        }
        catch (Exception broken) when (broken is HttpRequestException or TaskCanceledException or JsonException or IOException)
        {
            return (PublishOutcome.Unknown, null, $"{broken.GetType().Name} {broken.Message}", null);
        }
    }
}
