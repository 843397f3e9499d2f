using Microsoft.Extensions.Options;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Limits;

/// <summary>Checks <see cref="LimitOptions"/>, naming the setting that is wrong and what it takes.</summary>
internal sealed class LimitOptionsCheck : IValidateOptions<LimitOptions>
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, LimitOptions options)
    {
        var failures = new List<string>();
        Check(failures, nameof(options.MessageBytes), options.MessageBytes, KiB, MiB);
        Check(failures, nameof(options.BodyBytes), options.BodyBytes, KiB, MiB);
        Check(failures, nameof(options.JsonDepth), options.JsonDepth, 2, JsonPayload.MaxDepth);
        Check(failures, nameof(options.BatchBytes), options.BatchBytes, KiB, 16 * MiB);
        Check(failures, nameof(options.BatchItems), options.BatchItems, 1, 1_000);
        Check(failures, nameof(options.SubscriptionsPerConnection), options.SubscriptionsPerConnection, 1, 10_000);
        Check(failures, nameof(options.CommandsPerSecond), options.CommandsPerSecond, 1, 100_000);
        Check(failures, nameof(options.CommandBurst), options.CommandBurst, 1, 1_000_000);
        Check(failures, nameof(options.PublishesPerSecond), options.PublishesPerSecond, 1, 100_000);
        Check(failures, nameof(options.PublishBurst), options.PublishBurst, 1, 1_000_000);
        Check(failures, nameof(options.SubscribesPerSecond), options.SubscribesPerSecond, 1, 100_000);
        Check(failures, nameof(options.SubscribeBurst), options.SubscribeBurst, 1, 1_000_000);
        Check(failures, nameof(options.OutboxBytes), options.OutboxBytes, 64 * KiB, 64 * MiB);
        Check(failures, nameof(options.OutboxStall), options.OutboxStall, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));
        Check(failures, nameof(options.PingInterval), options.PingInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Check(failures, nameof(options.PongTimeout), options.PongTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));
        Check(failures, nameof(options.HandshakeTimeout), options.HandshakeTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));
        Check(failures, nameof(options.ConnectionsPerSilo), options.ConnectionsPerSilo, 1, 10_000_000);
        Check(failures, nameof(options.ConnectionsPerUser), options.ConnectionsPerUser, 1, ChannelNamespaces.MaxUserConnections);
        Check(failures, nameof(options.HandshakesAtOnce), options.HandshakesAtOnce, 1, 1_000_000);
        Check(failures, nameof(options.GrainQueue), options.GrainQueue, 10, 1_000_000);
        Check(failures, nameof(options.ActivationsPerSecond), options.ActivationsPerSecond, 0, 1_000_000);
        Check(failures, nameof(options.Drain), options.Drain, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        if (options.BatchBytes < options.BodyBytes)
            failures.Add($"{Path(nameof(options.BatchBytes))} ({options.BatchBytes}) must be at least {Path(nameof(options.BodyBytes))} ({options.BodyBytes}).");
        if (options.SubscribeBurst < options.SubscriptionsPerConnection)
            failures.Add($"{Path(nameof(options.SubscribeBurst))} ({options.SubscribeBurst}) must be at least {Path(nameof(options.SubscriptionsPerConnection))} ({options.SubscriptionsPerConnection}): a client that reconnects sends them all.");
        if (options.PongTimeout >= options.PingInterval)
            failures.Add($"{Path(nameof(options.PongTimeout))} ({options.PongTimeout}) must be shorter than {Path(nameof(options.PingInterval))} ({options.PingInterval}).");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void Check<T>(List<string> failures, string setting, T value, T min, T max)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
            failures.Add($"{Path(setting)} ({value}) must be between {min} and {max}.");
    }

    private static string Path(string setting) => $"{LimitOptions.Section}:{setting}";
}
