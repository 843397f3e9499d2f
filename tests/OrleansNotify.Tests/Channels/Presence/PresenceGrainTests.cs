using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels.Presence;

/// <summary>Members of front-ends that are nothing but addresses: they announce nothing by themselves.</summary>
public sealed class PresenceGrainTests
{
    [Fact]
    public async Task Only_an_attached_front_end_announces_and_its_members_end_with_its_attachment()
    {
        await using var cluster = await ChannelCluster.StartAsync();
        var channel = cluster.Silos[0].Channel("a");
        Assert.Equal(PresenceVerdict.NotAttached, (await channel.Announce(Announcement(FrontEnds.A, 1, "a1"))).Verdict);
        await channel.Attach(FrontEnds.A.Attach(1));
        await channel.Attach(FrontEnds.B.Attach(1));
        await channel.Announce(Announcement(FrontEnds.A, 1, "a1", "a2"));
        await channel.Announce(Announcement(FrontEnds.B, 1, "b1"));

        await channel.Attach(FrontEnds.A.Attach(2)); // again: they stay
        Assert.Equal("a1 a2 b1", await Members(channel));
        await channel.Detach(FrontEnds.A, 3);
        Assert.Equal("b1", await Members(channel));

        var told = cluster.Silos[0].Streams.To(FrontEnds.B).Select(e => e.Presence).OfType<PresenceChange>().ToList();
        Assert.Equal([(2L, 1, 0), (3L, 0, 2)], told.Select(c => (c.Version, c.Joined.Length, c.Left.Length)));
    }

    [Fact]
    public async Task The_members_of_a_killed_silo_leave_when_membership_knows_it()
    {
        await using var cluster = await ChannelCluster.StartAsync(2);
        var (host, other) = (cluster.Silos[0], cluster.Silos[1]);
        var channel = await host.Host("a", FrontEnds.A.Attach(1));
        await channel.Attach(other.Address.Attach(1));
        await channel.Announce(Announcement(FrontEnds.A, 1, "a1"));
        await channel.Announce(Announcement(other.Address, 1, "b1"));

        await cluster.KillAsync(other);

        await Until.Equal("a1", "members", () => Members(channel), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Members_move_with_their_channel()
    {
        await using var cluster = await ChannelCluster.StartAsync(2);
        var host = cluster.Silos[1];
        var channel = await host.Host("a", FrontEnds.A.Attach(1));
        await channel.Announce(Announcement(FrontEnds.A, 1, "a1", "a2"));
        var before = await channel.GetPresence(withMembers: false);

        await cluster.StopAsync(host);

        channel = cluster.Silos[0].Channel("a");
        Assert.Equal("a1 a2", await Members(channel));
        await channel.Announce(new PresenceAnnouncement(FrontEnds.A, 2, 1, [], ["a1"], More: false, Watches: true, Asks: false));
        var after = await channel.GetPresence(withMembers: true);
        Assert.Equal((before.Run, before.Version + 1, "a2"), (after.Run, after.Version, after.Members!.Single().Connection));
    }

    private static PresenceAnnouncement Announcement(SiloAddress frontEnd, long number, params string[] joined) =>
        new(frontEnd, number, 0, [.. joined.Select(id => new PresenceMember(id, null, default))], [], More: false, Watches: true, Asks: false);

    private static async Task<string> Members(IChannelGrain channel) =>
        string.Join(' ', (await channel.GetPresence(withMembers: true)).Members!.Select(m => m.Connection).Order());
}
