using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Streams;
using Orleans.Streams.Core;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// A silo's front-end as the cluster sees it: the one subscriber of the silo's stream (implicit: nothing is stored, nothing is left behind by a
/// dead silo) and the door to the silo's connections. Awaits nothing, so that a page of connections never holds up a delivery.
/// </summary>
[GrainType("notify.front-end"), PinnedToSilo, KeepAlive, Reentrant, ImplicitStreamSubscription(FrontEndQueue.StreamNamespace)]
internal sealed class FrontEndGrain(FrontEndInbox inbox, IServiceProvider services)
    : Grain, IFrontEndGrain, IStreamSubscriptionObserver, IAsyncObserver<EnvelopeBatch>
{
    private readonly IConnectionDirectory? _connections = services.GetService<IConnectionDirectory>();

    public ValueTask<ConnectionInfo[]> List(ConnectionQuery query, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_connections?.List(query) ?? []);

    public ValueTask<bool> Disconnect(long number, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_connections?.Disconnect(number) ?? false);

    public ValueTask<int> SubscribeUser(string user, string channel, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_connections?.Subscribe(user, channel) ?? 0);

    public ValueTask<int> UnsubscribeUser(string user, string channel, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_connections?.Unsubscribe(user, channel) ?? 0);

    // Once per activation and stream, before its first delivery.
    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<EnvelopeBatch>().ResumeAsync(this);

    public Task OnNextAsync(EnvelopeBatch item, StreamSequenceToken? token = null)
    {
        inbox.Deliver(item);
        return Task.CompletedTask;
    }

    // The provider gave up on a batch. Beats and offsets show the front-end what it misses; nothing to do here.
    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}
