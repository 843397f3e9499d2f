using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>What the stream loses, repeats or reorders leaves no trace at the clients.</summary>
public sealed class LossyStreamTests
{
    private const int Count = 3000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task One_percent_lost_repeated_and_reordered_leaves_no_trace(int seed)
    {
        await using var cluster = await NotifyCluster.StartAsync(
            2,
            new() { ["Notify:Namespaces:default:HistorySize"] = "1000" }, // at this rate the default of 100 is a tenth of a second of a busy test machine
            (_, services) => Inject(services, receiver => new Lossy(receiver, seed)));
        var clients = new List<WsClient>();
        foreach (var silo in cluster.Silos)
        {
            clients.Add(await silo.WebSocket.Subscribed("lossy"));
            clients.Add(await silo.WebSocket.Subscribed("lossy"));
        }

        await cluster.Silos[0].Http.PublishMany("lossy", 1, Count);

        foreach (var client in clients)
        {
            var events = await client.TakeEvents(Count);
            Assert.Equal(Enumerable.Range(1, Count), events.Numbers());
            Assert.Equal(Enumerable.Range(1, Count).Select(o => (ulong)o), events.Offsets());
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
            await client.DisposeAsync();
        }
        var injected = cluster.Silos.Sum(s => ((Lossy)s.Services.GetRequiredService<IFrontEnd>()).Injected);
        Assert.True(injected > Count / 50, $"only {injected} faults were injected");
    }

    [Fact]
    public async Task A_front_end_gets_events_by_its_stream_only()
    {
        // With the stream cut nothing arrives live, though every call between silos works.
        await using var cluster = await NotifyCluster.StartAsync(2, configure: (name, services) => Inject(services, _ => new Deaf()));
        await using var client = await cluster.Silos[1].WebSocket.Subscribed("cut");

        await cluster.Silos[0].Http.PublishMany("cut", 1, 3);

        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    private static void Inject(IServiceCollection services, Func<IFrontEnd, IFrontEnd> wrap)
    {
        var original = services.Last(s => s.ServiceType == typeof(IFrontEnd));
        services.Replace(ServiceDescriptor.Singleton<IFrontEnd>(provider => wrap((IFrontEnd)original.ImplementationFactory!(provider))));
    }

    private sealed class Deaf : IFrontEnd
    {
        public void Receive(StreamEnvelope envelope, bool more)
        {
        }
    }

    private sealed class Lossy(IFrontEnd receiver, int seed) : IFrontEnd
    {
        private readonly Random _random = new(seed);
        private StreamEnvelope? _late;

        public int Injected { get; private set; }

        public void Receive(StreamEnvelope envelope, bool more)
        {
            var fault = envelope.Publications is null ? 99 : _random.Next(100);
            switch (fault)
            {
                case 0:
                    Injected++;
                    break;
                case 1:
                    Injected++;
                    receiver.Receive(envelope, true);
                    receiver.Receive(envelope, more);
                    break;
                case 2 when _late is null:
                    Injected++;
                    _late = envelope;
                    break;
                default:
                    receiver.Receive(envelope, _late is not null || more);
                    if (_late is { } late)
                    {
                        _late = null;
                        receiver.Receive(late, more);
                    }
                    break;
            }
        }
    }
}
