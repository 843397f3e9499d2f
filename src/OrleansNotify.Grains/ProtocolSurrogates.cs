using OrleansNotify.Protocol;

namespace OrleansNotify.Grains;

// Protocol's records stay free of Orleans: here they get their field ids. Ids are forever: add at the end, never reuse.

[GenerateSerializer, Alias("notify.ChannelEpoch")]
internal struct ChannelEpochSurrogate
{
    [Id(0)] public long MembershipVersion;
    [Id(1)] public long StartedAt;
    [Id(2)] public ulong Random;
}

[RegisterConverter]
internal sealed class ChannelEpochConverter : IConverter<ChannelEpoch, ChannelEpochSurrogate>
{
    public ChannelEpoch ConvertFromSurrogate(in ChannelEpochSurrogate surrogate) => new(surrogate.MembershipVersion, surrogate.StartedAt, surrogate.Random);

    public ChannelEpochSurrogate ConvertToSurrogate(in ChannelEpoch value) =>
        new() { MembershipVersion = value.MembershipVersion, StartedAt = value.StartedAt, Random = value.Random };
}

[GenerateSerializer, Alias("notify.ChannelPosition")]
internal struct ChannelPositionSurrogate
{
    [Id(0)] public ChannelEpoch Epoch;
    [Id(1)] public ulong Offset;
}

[RegisterConverter]
internal sealed class ChannelPositionConverter : IConverter<ChannelPosition, ChannelPositionSurrogate>
{
    public ChannelPosition ConvertFromSurrogate(in ChannelPositionSurrogate surrogate) => new(surrogate.Epoch, surrogate.Offset);

    public ChannelPositionSurrogate ConvertToSurrogate(in ChannelPosition value) => new() { Epoch = value.Epoch, Offset = value.Offset };
}

[GenerateSerializer, Alias("notify.Publication"), Immutable]
internal struct PublicationSurrogate
{
    [Id(0)] public string Id;
    [Id(1)] public ulong Offset;
    [Id(2)] public ReadOnlyMemory<byte> Data;
    [Id(3)] public int Shape;
    [Id(4)] public DateTimeOffset PublishedAt;
    [Id(5)] public string? Event;
    [Id(6)] public string[]? Tags;
    [Id(7)] public string? Publisher;
    [Id(8)] public string? Origin;
}

[RegisterConverter]
internal sealed class PublicationConverter : IConverter<Publication, PublicationSurrogate>
{
    public Publication ConvertFromSurrogate(in PublicationSurrogate s) =>
        new(s.Id, s.Offset, s.Data, (PayloadShape)s.Shape, s.PublishedAt, s.Event, s.Tags, s.Publisher, s.Origin);

    public PublicationSurrogate ConvertToSurrogate(in Publication value) => new()
    {
        Id = value.Id,
        Offset = value.Offset,
        Data = value.Data,
        Shape = (int)value.Shape,
        PublishedAt = value.PublishedAt,
        Event = value.Event,
        Tags = value.Tags,
        Publisher = value.Publisher,
        Origin = value.Origin,
    };
}

[GenerateSerializer, Alias("notify.PublicationDraft"), Immutable]
internal struct PublicationDraftSurrogate
{
    [Id(0)] public ReadOnlyMemory<byte> Data;
    [Id(1)] public int Shape;
    [Id(2)] public string? Event;
    [Id(3)] public string[]? Tags;
    [Id(4)] public string? Publisher;
    [Id(5)] public string? IdempotencyKey;
    [Id(6)] public string? Origin;
}

[RegisterConverter]
internal sealed class PublicationDraftConverter : IConverter<PublicationDraft, PublicationDraftSurrogate>
{
    public PublicationDraft ConvertFromSurrogate(in PublicationDraftSurrogate s) =>
        PublicationDraft.FromChecked(s.Data, (PayloadShape)s.Shape, s.Event, s.Tags, s.Publisher, s.IdempotencyKey, s.Origin);

    public PublicationDraftSurrogate ConvertToSurrogate(in PublicationDraft value) => new()
    {
        Data = value.Data,
        Shape = (int)value.Shape,
        Event = value.Event,
        Tags = value.Tags,
        Publisher = value.Publisher,
        IdempotencyKey = value.IdempotencyKey,
        Origin = value.Origin,
    };
}

[GenerateSerializer, Alias("notify.PresenceMember"), Immutable]
internal struct PresenceMemberSurrogate
{
    [Id(0)] public string Connection;
    [Id(1)] public string? User;
    [Id(2)] public ReadOnlyMemory<byte> Info;
}

[RegisterConverter]
internal sealed class PresenceMemberConverter : IConverter<PresenceMember, PresenceMemberSurrogate>
{
    public PresenceMember ConvertFromSurrogate(in PresenceMemberSurrogate s) => new(s.Connection, s.User, s.Info);

    public PresenceMemberSurrogate ConvertToSurrogate(in PresenceMember value) => new() { Connection = value.Connection, User = value.User, Info = value.Info };
}

[GenerateSerializer, Alias("notify.PublishResult")]
internal struct PublishResultSurrogate
{
    [Id(0)] public int Refusal;
    [Id(1)] public string? Id;
    [Id(2)] public ChannelPosition Position;
    [Id(3)] public bool Repeated;
}

[RegisterConverter]
internal sealed class PublishResultConverter : IConverter<PublishResult, PublishResultSurrogate>
{
    public PublishResult ConvertFromSurrogate(in PublishResultSurrogate s) => new((PublishRefusal)s.Refusal, s.Id, s.Position, s.Repeated);

    public PublishResultSurrogate ConvertToSurrogate(in PublishResult value) =>
        new() { Refusal = (int)value.Refusal, Id = value.Id, Position = value.Position, Repeated = value.Repeated };
}
