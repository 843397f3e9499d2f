using Orleans.Concurrency;

namespace OrleansNotify.Grains.Users;

/// <summary>
/// One user: whether he is there and by which connections, and when he was seen last. Key: a user id. His connections are the members of his own channel
/// (<c>#42</c>), which all of them are on: their leases, the end of silos and moves are that channel's business.
/// </summary>
[GrainInterfaceType("notify.user"), Alias("notify.IUserGrain")]
public interface IUserGrain : IGrainWithStringKey
{
    /// <summary>How it is with him now.</summary>
    [Alias("Get")]
    ValueTask<UserStatus> Get(CancellationToken cancellationToken = default);

    /// <summary>He has come, or gone. From his channel.</summary>
    [Alias("Saw"), OneWay]
    ValueTask Saw(DateTimeOffset at);
}

/// <summary>How it is with a user.</summary>
/// <param name="Connections">Ids of his connections, cluster-wide; none: he is not there.</param>
/// <param name="LastSeen">When he came or went last; null: it is not known.</param>
[GenerateSerializer, Immutable, Alias("notify.UserStatus")]
public sealed record UserStatus([property: Id(0)] string[] Connections, [property: Id(1)] DateTimeOffset? LastSeen);
