using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>The live channels of all silos as one list by name, read page by page.</summary>
internal sealed class ChannelList(IGrainFactory grains, ClusterSilos silos)
{
    private const int PageSize = 1000;

    // A pattern that hits seldom ends its page early, with a place to go on from, rather than read a million names for one answer.
    private const int MaxRounds = 20;

    /// <summary>Lists.</summary>
    /// <param name="pattern">Which; null: all.</param>
    /// <param name="after">Only names behind it.</param>
    /// <param name="limit">At most this many.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<ChannelsReply> Read(ChannelPattern? pattern, string? after, int limit, CancellationToken cancellationToken)
    {
        var found = new List<LiveChannelReply>();
        var active = silos.Active();
        var isPartial = false;
        var cursor = Start(pattern, after);
        for (var round = 0; round < MaxRounds; round++)
        {
            var from = cursor;
            var pages = await Task.WhenAll(active.Select(silo =>
                silos.Ask(silo, () => grains.GetGrain<IAttachmentsGrain>(silo.ToParsableString()).ListChannels(from, PageSize, CancellationToken.None), cancellationToken)));
            isPartial |= pages.Any(p => !p.Answered);
            var (channels, horizon) = Merge([.. pages.Zip(active, (page, silo) => (page.Answer ?? [], silo))]);
            foreach (var (channel, silo) in channels)
            {
                if (pattern is not null && !channel.Name.StartsWith(pattern.Prefix, StringComparison.Ordinal)
                    && string.CompareOrdinal(channel.Name, pattern.Prefix) > 0)
                    return new ChannelsReply(found, null, isPartial);
                if (pattern?.Matches(channel.Name) == false)
                    continue;
                if (found.Count == limit)
                    return new ChannelsReply(found, found[^1].Channel, isPartial);
                found.Add(new LiveChannelReply(channel.Name, channel.Position.Epoch.ToString(), channel.Position.Offset, channel.History, channel.FrontEnds, silo.ToString()));
            }
            if (horizon is null)
                return new ChannelsReply(found, null, isPartial);
            cursor = horizon;
        }
        return new ChannelsReply(found, cursor, isPartial);
    }

    // Names of a pattern lie together: begin right before them.
    private static string? Start(ChannelPattern? pattern, string? after)
    {
        var before = pattern is { Prefix.Length: > 1 } ? pattern.Prefix[..^1] : null;
        return before is not null && (after is null || string.CompareOrdinal(before, after) > 0) ? before : after;
    }

    // A full page says nothing of names behind its last: up to the lowest such last name the list is whole. Two activations of one channel can
    // exist for a moment: the higher epoch is the channel.
    private static (IEnumerable<(ChannelInfo Info, SiloAddress Silo)> Channels, string? Horizon) Merge((ChannelInfo[] Channels, SiloAddress Silo)[] pages)
    {
        var horizon = pages.Where(p => p.Channels.Length >= PageSize).Select(p => p.Channels[^1].Name).Min(StringComparer.Ordinal);
        var channels = pages
            .SelectMany(p => p.Channels.Select(info => (Info: info, p.Silo)))
            .Where(c => horizon is null || string.CompareOrdinal(c.Info.Name, horizon) <= 0)
            .GroupBy(c => c.Info.Name, StringComparer.Ordinal)
            .Select(same => same.MaxBy(c => c.Info.Position.Epoch))
            .OrderBy(c => c.Info.Name, StringComparer.Ordinal);
        return (channels, horizon);
    }
}
