using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Api;

/// <summary><c>GET /api/connections</c>, <c>DELETE /api/connections/{id}</c>, <c>POST /api/users/{user}/disconnect</c>: cluster-wide.</summary>
internal sealed class ConnectionsEndpoints(IGrainFactory grains, ClusterSilos silos)
{
    /// <summary>Connections on a page when nothing is said.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Most connections on a page.</summary>
    public const int MaxLimit = 1000;

    /// <summary>Lists, silo by silo in the order of their tags.</summary>
    public async Task<IResult> List(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new ApiQuery(request.Query);
        var channel = query.Text("channel", name => ChannelName.TryCheck(name, out var problem) ? null : problem);
        var user = query.Text("user", CheckUser);
        var limit = query.Count("limit", DefaultLimit, 1, MaxLimit);
        var (afterTag, afterNumber) = (0u, 0L);
        query.Text("after", id => ConnectionId.TryParse(id, out afterTag, out afterNumber) ? null : "The parameter 'after' must be the id of a connection, as it was listed.");
        if (query.Problem is not null)
            return query.Problem;

        var found = new List<ConnectionReply>();
        var isPartial = false;
        foreach (var silo in silos.Active())
        {
            var tag = ConnectionId.TagOf(silo);
            if (tag < afterTag)
                continue;
            if (found.Count == limit)
                return Page(found, isLast: false, isPartial);
            var asked = new ConnectionQuery(channel, user, tag == afterTag ? afterNumber : 0, limit - found.Count);
            var (answered, connections) = await silos.Ask(silo, () => FrontEnd(silo).List(asked, CancellationToken.None), cancellationToken);
            isPartial |= !answered;
            foreach (var c in connections ?? [])
                found.Add(ConnectionReply.Of(silo, c));
        }
        return Page(found, isLast: found.Count < limit, isPartial);
    }

    /// <summary>Closes one connection.</summary>
    public async Task<IResult> Disconnect(string id, CancellationToken cancellationToken)
    {
        if (!ConnectionId.TryParse(id, out var tag, out var number))
            return ApiProblem.BadParameter("id", "The id must be that of a connection, as it was listed, such as 0a1b2c3d-42.");
        foreach (var silo in silos.Active().Where(s => ConnectionId.TagOf(s) == tag))
        {
            var (answered, closed) = await silos.Ask(silo, () => FrontEnd(silo).Disconnect(number, CancellationToken.None), cancellationToken);
            if (!answered)
                return ApiProblem.Unreachable("The silo of this connection");
            if (closed)
                return TypedResults.NoContent();
        }
        return ApiProblem.NotFound("There is no connection of this id.");
    }

    /// <summary>Closes all connections of a user.</summary>
    public async Task<IResult> DisconnectUser(string user, CancellationToken cancellationToken)
    {
        if (CheckUser(user) is { } problem)
            return ApiProblem.BadParameter("user", problem);
        var each = await Task.WhenAll(silos.Active().Select(silo => DisconnectUser(silo, user, cancellationToken)));
        return TypedResults.Json(new DisconnectReply(each.Sum(e => e.Disconnected), each.Any(e => e.Partial)), ApiJson.Default.DisconnectReply);
    }

    private async Task<DisconnectReply> DisconnectUser(SiloAddress silo, string user, CancellationToken cancellationToken)
    {
        var frontEnd = FrontEnd(silo);
        var disconnected = 0;
        for (long after = 0; ;)
        {
            var query = new ConnectionQuery(null, user, after, MaxLimit);
            var (listed, connections) = await silos.Ask(silo, () => frontEnd.List(query, CancellationToken.None), cancellationToken);
            if (!listed)
                return new DisconnectReply(disconnected, true);
            foreach (var connection in connections!)
            {
                var (answered, closed) = await silos.Ask(silo, () => frontEnd.Disconnect(connection.Number, CancellationToken.None), cancellationToken);
                if (!answered)
                    return new DisconnectReply(disconnected, true);
                disconnected += closed ? 1 : 0;
            }
            if (connections.Length < MaxLimit)
                return new DisconnectReply(disconnected, false);
            after = connections[^1].Number;
        }
    }

    /// <summary>Checks a user id: null, or what is wrong.</summary>
    public static string? CheckUser(string user) =>
        ChannelName.IsUserId(user) ? null : $"A user id is 1 to {ChannelName.MaxUserIdLength} of A-Z a-z 0-9 _ . @ = + ~ : -";

    private static JsonHttpResult<ConnectionsReply> Page(List<ConnectionReply> found, bool isLast, bool isPartial) =>
        TypedResults.Json(new ConnectionsReply(found, isLast ? null : found[^1].Id, isPartial), ApiJson.Default.ConnectionsReply);

    private IFrontEndGrain FrontEnd(SiloAddress silo) => grains.GetGrain<IFrontEndGrain>(silo.ToParsableString());
}
