using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Users;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Api;

/// <summary><c>/api/users/{user}</c>: whether a user is there, and what his connections are subscribed to; cluster-wide.</summary>
internal sealed partial class UsersEndpoints(IGrainFactory grains, ClusterSilos silos, ChannelNamespaces namespaces, TimeProvider time, ILogger<UsersEndpoints> logger)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>How it is with a user.</summary>
    public async Task<IResult> Get(string user, CancellationToken cancellationToken)
    {
        if (ConnectionsEndpoints.CheckUser(user) is { } problem)
            return ApiProblem.BadParameter("user", problem);
        UserStatus status;
        try
        {
            status = await grains.GetGrain<IUserGrain>(user).Get(CancellationToken.None).AsTask().WaitAsync(Deadline, time, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogCallFailed(exception);
            return ApiProblem.Unreachable("The user's grain");
        }
        var tags = status.Connections.Select(id => ConnectionId.TryParse(id, out var tag, out _) ? tag : 0).ToHashSet();
        var query = new ConnectionQuery(null, user, 0, ConnectionsEndpoints.MaxLimit);
        var each = await Ask(silo => tags.Contains(ConnectionId.TagOf(silo)), async frontEnd => await frontEnd.List(query, CancellationToken.None), cancellationToken);
        var isOnline = status.Connections.Length > 0;
        return TypedResults.Json(
            new UserReply(
                user,
                isOnline,
                [.. each.SelectMany(silo => (silo.Answer ?? []).Select(connection => ConnectionReply.Of(silo.Silo, connection))).OrderBy(connection => connection.Since)],
                isOnline ? null : status.LastSeen,
                each.Any(silo => !silo.Answered)),
            ApiJson.Default.UserReply);
    }

    /// <summary>Puts a user's connections on a channel.</summary>
    public Task<IResult> Subscribe(string user, string channel, HttpContext context) =>
        Change(user, channel, context, (frontEnd, name) => frontEnd.SubscribeUser(user, name, CancellationToken.None));

    /// <summary>Takes a user's connections from a channel.</summary>
    public Task<IResult> Unsubscribe(string user, string channel, HttpContext context) =>
        Change(user, channel, context, (frontEnd, name) => frontEnd.UnsubscribeUser(user, name, CancellationToken.None));

    private async Task<IResult> Change(string user, string channel, HttpContext context, Func<IFrontEndGrain, string, ValueTask<int>> change)
    {
        if (ConnectionsEndpoints.CheckUser(user) is { } problem)
            return ApiProblem.BadParameter("user", problem);
        if (!ChannelParameter.TryRead(context, namespaces, ref channel, out _, out var refusal))
            return refusal;
        if (ChannelName.IsUnlisted(channel))
            return ApiProblem.BadParameter("channel", "Who is on a channel that begins with '@' or '#' cannot be changed: everyone is, or its user.");
        if (channel.IndexOf('#', StringComparison.Ordinal) is >= 0 and var users && !channel[(users + 1)..].Split(',').Contains(user))
            return ApiProblem.BadParameter("channel", "This channel is only for the users named behind '#'.");
        var each = await Ask(_ => true, frontEnd => change(frontEnd, channel), context.RequestAborted);
        return TypedResults.Json(new UserSubscriptionReply(each.Sum(silo => silo.Answer), each.Any(silo => !silo.Answered)), ApiJson.Default.UserSubscriptionReply);
    }

    private async Task<(SiloAddress Silo, bool Answered, T? Answer)[]> Ask<T>(Func<SiloAddress, bool> which, Func<IFrontEndGrain, ValueTask<T>> call, CancellationToken cancellationToken) =>
        await Task.WhenAll(silos.Active().Where(which).Select(async silo =>
        {
            var (answered, answer) = await silos.Ask(silo, () => call(grains.GetGrain<IFrontEndGrain>(silo.ToParsableString())), cancellationToken);
            return (silo, answered, answer);
        }));

    [LoggerMessage(4014, LogLevel.Warning, "The grain of a user did not answer.")]
    private partial void LogCallFailed(Exception exception);
}
