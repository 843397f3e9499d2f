using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Limits;

/// <summary>How fast clients may send commands; what all connections of a silo share.</summary>
/// <param name="limits">The limits.</param>
/// <param name="time">The silo's clock.</param>
internal sealed class CommandRates(LimitOptions limits, TimeProvider time)
{
    // A client that goes on although so many of its commands were refused, at the pace of twice what is allowed for seconds or of a loop for a moment, will not
    // slow down (PROTOCOL: persistent abuse closes).
    private const int RefusalsAtOnce = 256;
    private const int RefusalsPerSecond = 10;

    private readonly Rate _commands = new("commands", limits.CommandsPerSecond, limits.CommandBurst, time);
    private readonly Rate _publishes = new("publishes", limits.PublishesPerSecond, limits.PublishBurst, time);
    private readonly Rate _subscribes = new("subscribes", limits.SubscribesPerSecond, limits.SubscribeBurst, time);
    private readonly Rate _refusals = new("refusals", RefusalsPerSecond, RefusalsAtOnce, time);

    /// <summary>For one connection.</summary>
    public OfConnection New() => new(this);

    /// <summary>What one connection has used. Not thread-safe.</summary>
    internal sealed class OfConnection(CommandRates rates)
    {
        private double _commands;
        private double _publishes;
        private double _subscribes;
        private double _refusals;

        /// <summary>Counts a command.</summary>
        /// <param name="command">The command; null: a message that is none.</param>
        /// <returns>Null when it may be done, or what to tell the client.</returns>
        public string? Refuse(ClientCommand? command)
        {
            if (!rates._commands.Take(ref _commands))
                return rates._commands.Refusal;
            return command switch
            {
                PublishCommand when !rates._publishes.Take(ref _publishes) => rates._publishes.Refusal,
                SubscribeCommand when !rates._subscribes.Take(ref _subscribes) => rates._subscribes.Refusal,
                _ => null,
            };
        }

        /// <summary>Counts a refusal.</summary>
        /// <returns>Whether it was one too many.</returns>
        public bool IsAbuse() => !rates._refusals.Take(ref _refusals);
    }

    private sealed class Rate(string what, int perSecond, int burst, TimeProvider time)
    {
        private readonly RateRule _rule = new(perSecond, burst, time);

        public string Refusal { get; } = $"Too many {what}: {burst} at once and {perSecond} a second are allowed. Wait a moment, then go on slower.";

        public bool Take(ref double usedUpTo) => _rule.TryTake(ref usedUpTo);
    }
}
