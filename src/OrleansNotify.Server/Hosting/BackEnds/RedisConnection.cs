using System.Text.RegularExpressions;
using StackExchange.Redis;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Reads a Redis connection string and tries it. What it says never holds a part of the string but the servers' addresses.</summary>
internal static partial class RedisConnection
{
    // After an outage of any length the store is back within this; the client's default backs off to a minute.
    private const int ReconnectMilliseconds = 500;

    // Two tries inside the time a start may take.
    private const int ConnectMilliseconds = 3_000;

    /// <summary>What the silo's own connections use.</summary>
    /// <exception cref="StartException">It is no connection string.</exception>
    public static ConfigurationOptions Read(Connection connection)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connection.Value);
        }
        catch (Exception problem) when (problem is ArgumentException or FormatException)
        {
            throw Malformed(connection); // its message may repeat a part of the string
        }
        // An address of the kind redis://user:secret@host is taken for a host name.
        if (options.EndPoints.Count == 0 || options.EndPoints.Any(endpoint => !HostAndPort().IsMatch(EndPointCollection.ToString(endpoint))))
            throw Malformed(connection);
        options.ReconnectRetryPolicy = new LinearRetry(ReconnectMilliseconds);
        options.ClientName ??= "OrleansNotify";
        return options;
    }

    /// <summary>Connects, says again who we are, writes, runs a script and deletes what it wrote.</summary>
    public static async Task Check(Connection connection, CancellationToken cancellationToken)
    {
        var options = Read(connection);
        options.AbortOnConnectFail = true; // our check is to fail now, even if the silo is to keep trying
        options.ConnectTimeout = Math.Min(options.ConnectTimeout, ConnectMilliseconds);
        options.ConnectRetry = 1;
        options.AsyncTimeout = Math.Min(options.AsyncTimeout, ConnectMilliseconds);
        var servers = string.Join(", ", options.EndPoints.Select(EndPointCollection.ToString));
        try
        {
            await using var redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken);
            await Authenticate(redis.GetDatabase(), options).WaitAsync(cancellationToken);
            var key = $"{BackEndPlan.ServiceId}/start-check/{Guid.NewGuid():N}";
            const string Script = "redis.call('HSET', KEYS[1], 'n', '1') return redis.call('DEL', KEYS[1])"; // as the providers' own scripts do
            await redis.GetDatabase().ScriptEvaluateAsync(Script, [key]).WaitAsync(cancellationToken);
        }
        catch (Exception problem) when (problem is RedisException or RedisTimeoutException or TimeoutException)
        {
            throw new StartException($"{connection.Setting}: {Reason(problem, servers)}", problem);
        }
    }

    // Where the default user is open, a connection goes on as that user after a refused AUTH, and the client tells nobody: so it is asked for by itself.
    // What cannot be found out: of the open default user itself Redis takes any password.
    private static Task Authenticate(IDatabase redis, ConfigurationOptions options) => (options.User, options.Password) switch
    {
        ({ Length: > 0 } user, { Length: > 0 } password) => redis.ExecuteAsync("AUTH", user, password),
        (_, { Length: > 0 } password) => redis.ExecuteAsync("AUTH", password),
        _ => Task.CompletedTask,
    };

    // Redis begins an error with one word that names it.
    private static string Reason(Exception problem, string servers) => ErrorWord().Match(problem.ToString()).Value switch
    {
        "WRONGPASS" or "NOAUTH" => $"Redis at {servers} refuses the user or the password.",
        "NOPERM" => $"Redis at {servers} does not allow this user what a silo needs: reading and writing keys that begin with {BackEndPlan.ServiceId}/, transactions and scripts.",
        "ERR AUTH" or "ERR Client sent AUTH" => $"Redis at {servers} asks for no password, and one is configured.",
        "READONLY" => $"Redis at {servers} is a replica that cannot be written to.",
        { Length: > 0 } word => $"Redis at {servers} refuses to be written to ({word}).",
        _ => problem is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure }
            ? $"Redis at {servers} refuses the user or the password."
            : $"Redis at {servers} does not answer.",
    };

    private static StartException Malformed(Connection connection) =>
        new($"{connection.Setting} is no Redis connection string, such as redis.example.com:6379,password=….");

    [GeneratedRegex(@"^[A-Za-z0-9._\-\[\]:]+$")]
    private static partial Regex HostAndPort();

    // The last two are a word and what follows it, since Redis 6 and before.
    [GeneratedRegex(@"\b(WRONGPASS|NOAUTH|NOPERM|READONLY|OOM|MISCONF|LOADING|MASTERDOWN|NOREPLICAS|NOSCRIPT|ERR AUTH|ERR Client sent AUTH)\b")]
    private static partial Regex ErrorWord();
}
