using CsCheck;

namespace OrleansNotify.Tests.EndToEnd.Model;

/// <summary>What a client, a publisher or the fates do next. Clients and channels are numbers.</summary>
internal abstract record Step
{
    /// <summary>A client subscribes; <c>HasId</c>: with a command id, by which it is told positions.</summary>
    public sealed record Subscribe(int Client, int Channel, Start Start, int Count, bool HasId, Wanted Wants) : Step;

    /// <summary>A client subscribes while publications come.</summary>
    public sealed record SubscribeAmid(int Client, int Channel, int Count) : Step;

    public sealed record Unsubscribe(int Client, int Channel) : Step;

    /// <summary>A client subscribes to a pattern that covers both channels.</summary>
    public sealed record SubscribePattern(int Client, int Pattern, bool Recovers, bool HasId, Wanted Wants) : Step;

    public sealed record UnsubscribePattern(int Client, int Pattern) : Step;

    /// <summary>So many publications, in one HTTP call.</summary>
    public sealed record Publish(int Channel, int Count) : Step;

    public sealed record ClientPublish(int Client, int Channel, bool Echo) : Step;

    public sealed record ReadHistory(int Client, int Channel, int Limit, bool Reverse, bool SinceOwn) : Step;

    public sealed record Erase(int Channel) : Step;

    /// <summary>A client's line breaks, and it comes back.</summary>
    public sealed record Reconnect(int Client) : Step;

    /// <summary>Filtered subscriptions are told where their channels are.</summary>
    public sealed record TellPassed : Step;

    /// <summary>A channel's activation ends, and with it what it had: the numbering begins anew.</summary>
    public sealed record NewEpoch(int Channel) : Step;

    private static readonly Gen<Wanted> MostlyAll = Gen.Frequency((3, Gen.Const(Wanted.All)), (1, Gen.Const(Wanted.Red)), (1, Gen.Const(Wanted.Blue)));

    public static Gen<Step[]> All { get; } = Some(Gen.Int[0, 1], Gen.Int[0, 1]).Array[1, 40];

    private static Gen<Step> Some(Gen<int> who, Gen<int> what) => Gen.Frequency(
        (24, Gen.Select(who, what, Gen.Enum<Start>(), Gen.Int[0, 6], Gen.Bool, MostlyAll, (client, channel, start, count, id, wants) => (Step)new Subscribe(client, channel, start, count, id, wants))),
        (6, Gen.Select(who, what, Gen.Int[1, 3], (client, channel, count) => (Step)new SubscribeAmid(client, channel, count))),
        (14, Gen.Select(who, what, (client, channel) => (Step)new Unsubscribe(client, channel))),
        (8, Gen.Select(who, Gen.Int[0, 1], Gen.Bool, Gen.Bool, MostlyAll, (client, pattern, recovers, id, wants) => (Step)new SubscribePattern(client, pattern, recovers, id, wants))),
        (6, Gen.Select(who, Gen.Int[0, 1], (client, pattern) => (Step)new UnsubscribePattern(client, pattern))),
        (24, Gen.Select(what, Gen.Int[1, 3], (channel, count) => (Step)new Publish(channel, count))),
        (8, Gen.Select(who, what, Gen.Bool, (client, channel, echo) => (Step)new ClientPublish(client, channel, echo))),
        (10, Gen.Select(who, what, Gen.Int[0, 6], Gen.Bool, Gen.Bool, (client, channel, limit, reverse, since) => (Step)new ReadHistory(client, channel, limit, reverse, since))),
        (2, what.Select(channel => (Step)new Erase(channel))),
        (6, who.Select(client => (Step)new Reconnect(client))),
        (4, Gen.Const((Step)new TellPassed())),
        (3, what.Select(channel => (Step)new NewEpoch(channel))));
}

/// <summary>Which publications are wanted.</summary>
[Flags]
internal enum Wanted
{
    /// <summary>Those with the tag red.</summary>
    Red = 1,

    /// <summary>Those with the tag blue.</summary>
    Blue = 2,

    /// <summary>Also those that have none.</summary>
    All = 7,
}

/// <summary>Where a subscription begins.</summary>
internal enum Start
{
    Live,

    /// <summary>With the last few.</summary>
    History,

    /// <summary>Where this client last was.</summary>
    RecoverOwn,

    /// <summary>A few back from where the channel is.</summary>
    RecoverBack,

    /// <summary>Where the channel has not been.</summary>
    RecoverAhead,

    /// <summary>In an epoch that is over, or never was.</summary>
    RecoverPast,
}
