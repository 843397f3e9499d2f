using System.Globalization;
using System.Text.Json;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd.Model;

/// <summary>Whatever clients, publishers and the fates do: every client gets what <see cref="SessionModel"/> says, in its order, and nothing else.</summary>
[Collection(BadInput.MassAbortTests.Alone)]
public sealed class SessionModelTests : IAsyncLifetime
{
    private const int Samples = 200;
    private RunningServer _server = null!;
    private int _runs;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        ["Notify:Namespaces:model:ClientPublish"] = "true",
        ["Notify:Namespaces:model:HistorySize"] = $"{SessionModel.HistorySize}",
        ["Notify:Limits:CommandBurst"] = "100000",
        ["Notify:Limits:SubscribeBurst"] = "100000",
        ["Notify:Limits:PublishBurst"] = "100000",
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Sessions_do_what_the_model_says() => await Step.All.SampleAsync(
        async steps =>
        {
            await using var run = await Run.Begin(_server, $"model:{Interlocked.Increment(ref _runs)}");
            foreach (var step in steps)
                await run.Tell(step);
        },
        iter: Samples,
        threads: 16);

    private sealed class Run : IAsyncDisposable
    {
        private readonly RunningServer _server;
        private readonly SessionModel _model;
        private readonly WsClient[] _clients = new WsClient[2];
        private readonly string[] _channels;
        private readonly string[] _patterns;
        private WsClient _observer = null!;
        private readonly List<string> _story = [];
        private int _number;

        private Run(RunningServer server, string prefix)
        {
            _server = server;
            _channels = [prefix + ".a", prefix + ".b"];
            _patterns = [prefix + ".*", prefix + ".**"];
            _model = new SessionModel(_channels, _patterns);
        }

        public static async Task<Run> Begin(RunningServer server, string prefix)
        {
            var run = new Run(server, prefix);
            run._observer = await WsClient.ConnectAsync(server.WebSocket);
            foreach (var channel in run._model.Channels)
                channel.Begin((await run._observer.Subscribe(channel.Name, "\"id\":0")).GetProperty("epoch").GetString()!);
            for (var i = 0; i < run._clients.Length; i++)
                run._clients[i] = await WsClient.ConnectAsync(server.WebSocket);
            return run;
        }

        // What has come so far is told with a failure: steps alone do not say who got what.
        public async Task Tell(Step step)
        {
            _story.Add($"{step}");
            try
            {
                await Do(step);
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"{e.Message}{Environment.NewLine}after{Environment.NewLine}{string.Join(Environment.NewLine, _story)}", e);
            }
        }

        private async Task Do(Step step)
        {
            switch (step)
            {
                case Step.Subscribe s:
                    await _clients[s.Client].Send(Subscription(s));
                    _model.Subscribe(s.Client, s.Channel, s.Start, s.Count, s.HasId, s.Wants);
                    break;
                case Step.SubscribeAmid s:
                    await SubscribeAmid(s);
                    return;
                case Step.Unsubscribe s:
                    await _clients[s.Client].Send(new { type = "unsubscribe", channel = _channels[s.Channel] });
                    _model.Unsubscribe(s.Client, _channels[s.Channel]);
                    break;
                case Step.SubscribePattern s:
                    await _clients[s.Client].Send(PatternSubscription(s));
                    _model.SubscribePattern(s.Client, s.Pattern, s.Recovers, s.HasId, s.Wants);
                    break;
                case Step.UnsubscribePattern s:
                    await _clients[s.Client].Send(new { type = "unsubscribe", channel = _patterns[s.Pattern] });
                    _model.Unsubscribe(s.Client, _patterns[s.Pattern]);
                    break;
                case Step.Publish s:
                    var first = _number + 1;
                    for (var i = 0; i < s.Count; i++)
                        _model.Publish(s.Channel, ++_number);
                    await Publish(s.Channel, first, s.Count);
                    await Observed(s.Channel, s.Count);
                    break;
                case Step.ClientPublish s:
                    _model.Publish(s.Channel, ++_number, s.Echo ? null : s.Client);
                    _model.Clients[s.Client].Expects.Add($"published {_model.Channels[s.Channel].Offset}");
                    await _clients[s.Client].Send(new { type = "publish", channel = _channels[s.Channel], data = new { n = _number }, tags = Tags.Of(_number), echo = s.Echo });
                    await Observed(s.Channel, 1);
                    break;
                case Step.ReadHistory s:
                    var since = _model.PositionOf(s.Client, s.Channel);
                    await _clients[s.Client].Send(
                        $$"""{"type":"history","channel":"{{_channels[s.Channel]}}","limit":{{s.Limit}},"reverse":{{(s.Reverse ? "true" : "false")}}{{(s.SinceOwn ? ",\"since\":" + Position(since) : "")}}}""");
                    _model.ReadHistory(s.Client, s.Channel, s.Limit, s.Reverse, s.SinceOwn);
                    break;
                case Step.Erase s:
                    Assert.Equal(204, await _server.Http.Delete($"/api/channels/{Uri.EscapeDataString(_channels[s.Channel])}/history"));
                    _model.Channels[s.Channel].Erase();
                    break;
                case Step.Reconnect s:
                    await _clients[s.Client].DisposeAsync();
                    _clients[s.Client] = await WsClient.ConnectAsync(_server.WebSocket);
                    _model.Reconnect(s.Client);
                    break;
                case Step.TellPassed:
                    _server.Services.GetRequiredService<NotifyFrontEnd>().TellPassed();
                    break;
                case Step.NewEpoch s:
                    await NewEpoch(s.Channel);
                    break;
            }
            await Check(step);
        }

        // Whether the publications come before the subscription, behind it or on both sides: together it is all of them, once and in order.
        private async Task SubscribeAmid(Step.SubscribeAmid step)
        {
            var (its, client) = (_model.Channels[step.Channel], _model.Clients[step.Client]);
            if (client.Covers(its.Name) || its.Kept.Count == 0)
                return;
            var from = its.Kept[^1].Offset - 1;
            var first = _number + 1;
            var publishing = Publish(step.Channel, first, step.Count);
            await _clients[step.Client].Send($$"""{"type":"subscribe","channel":"{{its.Name}}","recover":{{Position((its.Epoch, from))}} }""");
            client.Expects.Add(its.Event(its.Kept[^1]));
            client.Own[its.Name] = new(IsTold: true, Wanted.All);
            for (var i = 0; i < step.Count; i++)
                _model.Publish(step.Channel, ++_number);
            await publishing;
            await Observed(step.Channel, step.Count);

            var reply = await _clients[step.Client].Next("subscribed");
            Assert.InRange(reply.Json.GetProperty("offset").GetUInt64(), from + 1, its.Offset);
            Assert.True(reply.Json.GetProperty("recovered").GetBoolean());
            client.EpochsKnown[its.Name] = its.Epoch;
            await Check(step);
        }

        private async Task Publish(int channel, int first, int count)
        {
            var items = Enumerable.Range(first, count).Select(n => $$"""{"channel":"{{_channels[channel]}}","data":{"n":{{n}}},"tags":{{JsonSerializer.Serialize(Tags.Of(n))}} }""");
            var (status, body) = await _server.Http.Post("/api/events/batch", $"[{string.Join(',', items)}]");
            Assert.Equal(200, status);
            Assert.All(body.EnumerateArray(), result => Assert.Equal(202, result.GetProperty("status").GetInt32()));
        }

        // When one connection has it, this front-end has it.
        private async Task Observed(int channel, int count) =>
            Assert.Equal(_model.Channels[channel].Offset, (await _observer.TakeEvents(count, _channels[channel]))[^1].Json.GetProperty("offset").GetUInt64());

        private async Task NewEpoch(int channel)
        {
            // Who shows an activation a higher epoch tells it that it has been replaced: it ends, and what it had is gone.
            Assert.True(ChannelEpoch.TryParse(_model.Channels[channel].Epoch, out var epoch));
            var grain = _server.Services.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>(_channels[channel]);
            Assert.True((await grain.Read(new HistoryRequest(0, 0, 0, false, epoch with { Random = epoch.Random + 1 }))).Superseded);
            _model.NewEpoch(channel, (await _observer.Take("position", _channels[channel])).GetProperty("epoch").GetString()!);
        }

        private string Subscription(Step.Subscribe step)
        {
            var option = step.Start switch
            {
                Start.Live => "",
                Start.History => $",\"history\":{step.Count}",
                _ => ",\"recover\":" + Position(_model.StartOf(step.Client, step.Channel, step.Start, step.Count)!.Value),
            };
            return $$"""{"type":"subscribe","channel":"{{_channels[step.Channel]}}"{{option}}{{Filter(step.Wants)}}{{(step.HasId ? ",\"id\":1" : "")}}}""";
        }

        private static string Filter(Wanted wants) => wants switch { Wanted.Red => ",\"tags\":[\"red\"]", Wanted.Blue => ",\"tags\":[\"blue\"]", _ => "" };

        private string PatternSubscription(Step.SubscribePattern step)
        {
            var positions = _channels.Select((name, channel) => (name, Position: _model.PositionOf(step.Client, channel)))
                .Select(p => $$"""{"channel":"{{p.name}}","epoch":"{{p.Position.Epoch}}","offset":{{p.Position.Offset}}}""");
            return $$"""{"type":"subscribe","channel":"{{_patterns[step.Pattern]}}"{{(step.Recovers ? $",\"recover\":[{string.Join(',', positions)}]" : "")}}{{Filter(step.Wants)}}{{(step.HasId ? ",\"id\":1" : "")}}}""";
        }

        private static string Position((string Epoch, ulong Offset) position) => $$"""{"epoch":"{{position.Epoch}}","offset":{{position.Offset}}}""";

        private async Task Check(Step step)
        {
            for (var i = 0; i < _clients.Length; i++)
            {
                var client = _model.Clients[i];
                var came = new List<string>();
                if (client.Expects.Count > 0)
                    _story.Add($"  client {i} expects {string.Join(", ", client.Expects)}");
                while (came.Count < client.Expects.Count)
                    Take(client, came, (await _clients[i].Next()).Json);
                await _clients[i].Send(new { type = "ping" });
                for (var frame = await _clients[i].Next(); frame.Type != "pong"; frame = await _clients[i].Next())
                    Take(client, came, frame.Json);
                // Between channels there is no order, nor between an answer to a publish and its event.
                Assert.True(
                    ByChannel(client.Expects).SequenceEqual(ByChannel(came)),
                    $"{step}: client {i} expects{Environment.NewLine}{string.Join(Environment.NewLine, client.Expects)}{Environment.NewLine}and got{Environment.NewLine}{string.Join(Environment.NewLine, came)}");
                client.Expects.Clear();
            }
        }

        private void Take(ModelClient client, List<string> came, JsonElement message)
        {
            _story.Add($"    {message}");
            if (!IsPassed(client, came, message))
                came.Add(Read(client, message));
        }

        // A filtered subscription may be told at any time how far its channel has come, and never further than what it is still to get.
        private bool IsPassed(ModelClient client, List<string> came, JsonElement message)
        {
            if (message.GetProperty("type").GetString() != "position" || !message.GetProperty("recovered").GetBoolean())
                return false;
            var its = Array.Find(_model.Channels, c => c.Name == message.GetProperty("channel").GetString())!;
            var (epoch, offset) = (message.GetProperty("epoch").GetString()!, message.GetProperty("offset").GetUInt64());
            var due = $"position {its.Name} {offset} True";
            if (client.Expects.Contains(due) && !came.Contains(due))
                return false;
            if (its.EpochsPast.Contains(epoch))
                return true; // it was on its way when the channel began anew
            Assert.Equal(its.Epoch, epoch);
            Assert.InRange(offset, 1UL, its.Offset);
            Assert.DoesNotContain(
                // Behind the reply to a subscribe that is under way comes what that asked for: this was sent before.
                client.Expects.Except(came).TakeWhile(expected => !expected.StartsWith($"subscribed {its.Name} ", StringComparison.Ordinal)),
                expected => expected.Split(' ') is ["event", var name, var at, _] && name == its.Name && ulong.Parse(at, CultureInfo.InvariantCulture) <= offset);
            client.Positions[its.Name] = (epoch, offset);
            return true;
        }

        private static IEnumerable<string> ByChannel(IEnumerable<string> messages) =>
            messages.OrderBy(message => message.Split(' ') is ["event" or "position" or "subscribed" or "unsubscribed", var channel, ..] ? channel : "", StringComparer.Ordinal);

        // A message as the model writes it. What it says of epochs is checked here: a client must always know which one an offset belongs to.
        private string Read(ModelClient client, JsonElement message)
        {
            var type = message.GetProperty("type").GetString()!;
            var name = message.TryGetProperty("channel", out var channel) ? channel.GetString()! : "";
            var offset = message.TryGetProperty("offset", out var o) ? o.GetUInt64() : 0;
            var its = Array.Find(_model.Channels, c => c.Name == name);
            if (message.TryGetProperty("epoch", out var epoch) && its is not null)
            {
                Assert.Equal(its.Epoch, epoch.GetString());
                client.EpochsKnown[name] = its.Epoch;
            }
            switch (type)
            {
                case "event":
                    Assert.Equal(its!.Epoch, client.EpochsKnown.GetValueOrDefault(name));
                    client.Positions[name] = (its.Epoch, offset);
                    return $"event {name} {offset} {message.GetProperty("data").GetProperty("n").GetInt32()}";
                case "position":
                    client.Positions[name] = (its!.Epoch, Math.Max(offset, 0));
                    return $"position {name} {offset} {message.GetProperty("recovered").GetBoolean()}";
                case "subscribed" when its is not null:
                    return string.Create(CultureInfo.InvariantCulture, $"subscribed {name} {offset}{(message.TryGetProperty("recovered", out var recovered) ? " " + recovered.GetBoolean() : "")}");
                case "history":
                    return $"history {name} {offset}: {string.Join(' ', message.GetProperty("publications").EnumerateArray().Select(p => p.GetProperty("data").GetProperty("n").GetInt32()))}";
                case "published":
                    return $"published {offset}";
                case "error":
                    return $"error {message.GetProperty("code").GetInt32()}";
                default:
                    return $"{type} {name}";
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _observer.DisposeAsync();
            foreach (var client in _clients)
                await client.DisposeAsync();
        }
    }
}
