using System.Collections.Concurrent;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Publishing;

/// <summary>Channel grains whose answers a test writes. The default answer numbers what it gets, from 1 per channel.</summary>
internal sealed class ScriptedChannels : IGrainFactory
{
    private readonly ConcurrentDictionary<string, ulong> _offsets = new();

    public static readonly ChannelEpoch Epoch = new(1, 2, 3);

    /// <summary>Calls so far: channel and items.</summary>
    public ConcurrentQueue<(string Channel, PublicationDraft[] Items)> Calls { get; } = new();

    /// <summary>What a call does; gets its place among all calls, from 0.</summary>
    public Func<int, string, PublicationDraft[], ValueTask<PublishResult[]>>? Answer { get; set; }

    public PublishResult[] Number(string channel, PublicationDraft[] items) =>
        [.. items.Select(_ => new PublishResult(PublishRefusal.None, "evt_x", new ChannelPosition(Epoch, _offsets.AddOrUpdate(channel, 1, (_, last) => last + 1))))];

    public static PublishResult[] Refuse(PublicationDraft[] items, PublishRefusal refusal) => [.. items.Select(_ => new PublishResult(refusal, null, default))];

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey => (TGrainInterface)(object)new Channel(this, primaryKey);

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey => throw new NotSupportedException();

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId) => throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId, GrainInterfaceType interfaceType) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) => throw new NotSupportedException();

    private sealed class Channel(ScriptedChannels script, string name) : IChannelGrain
    {
        public ValueTask<PublishResult[]> Publish(PublicationDraft[] batch, CancellationToken cancellationToken = default)
        {
            int place;
            lock (script.Calls)
            {
                place = script.Calls.Count;
                script.Calls.Enqueue((name, batch));
            }
            return script.Answer?.Invoke(place, name, batch) ?? new(script.Number(name, batch));
        }

        public ValueTask<AttachReply> Attach(Attachment attachment, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask Detach(SiloAddress frontEnd, long number, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<HistoryPage> Read(HistoryRequest request, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<ChannelPosition> GetPosition(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<ChannelPosition> Erase(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<PresenceReply> Announce(PresenceAnnouncement announcement, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<PresenceState> GetPresence(bool withMembers, CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}
