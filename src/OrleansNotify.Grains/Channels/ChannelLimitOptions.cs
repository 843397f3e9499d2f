using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace OrleansNotify.Grains.Channels;

/// <summary>Limits of all channels, whatever their namespace. Configured under <c>Notify:Channels</c>; the same on every silo of a cluster: a front-end asks grains on other silos.</summary>
public sealed class ChannelLimitOptions
{
    /// <summary>The section these options are bound from.</summary>
    public const string Section = "Notify:Channels";

    /// <summary>Most publications of a page of history, and as many as come when no limit is given; who asks for more gets error 107 or 400. Default 300; 20 (the server's page asks for so many) to 10,000.</summary>
    [Range(20, 10_000)]
    public int HistoryPageSize { get; set; } = 300;

    /// <summary>Most publications that a client may have missed in a channel and still recover; beyond it <c>recovered:false</c>. Default 300; 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int RecoverySize { get; set; } = 300;

    /// <summary>
    /// Bytes (payloads, event names and tags) at which a page of history ends early, though not before its first publication, and which a recovery may not exceed.
    /// Default 1 MiB; 64 KiB to 16 MiB. The answer to <c>history</c> waits whole for the client's socket (<c>Notify:Limits:OutboxBytes</c>).
    /// </summary>
    [Range(64 << 10, 16 << 20)]
    public int PageBytes { get; set; } = 1 << 20;

    /// <summary>How long a channel stays in memory when there is nothing left that somebody could come back for: its last use, subscriber, publication kept and idempotency key. Default 2 min; 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CollectAfter { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Most publications of one reading of any kind.</summary>
    internal int MaxRead => Math.Max(HistoryPageSize, RecoverySize);
}

/// <summary>Names the setting and its range.</summary>
internal sealed class ChannelLimitOptionsLimits : IValidateOptions<ChannelLimitOptions>
{
    public ValidateOptionsResult Validate(string? name, ChannelLimitOptions options)
    {
        var problems = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(problems.Select(problem => $"{ChannelLimitOptions.Section}:{problem.MemberNames.FirstOrDefault()}: {problem.ErrorMessage}"));
    }
}
