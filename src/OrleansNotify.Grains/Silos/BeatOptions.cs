using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace OrleansNotify.Grains.Silos;

/// <summary>How silos and front-ends keep an eye on one another. Configured under <c>Notify:Beats</c>; the same on every silo of a cluster.</summary>
public sealed class BeatOptions
{
    /// <summary>The section these options are bound from.</summary>
    public const string Section = "Notify:Beats";

    /// <summary>How often a silo tells a front-end where its channels stand. Default 2 s; 50 ms to 2 s: a front-end takes 6 s of silence for a dead pipe.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:00:02")]
    public TimeSpan Period { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Attachments of a front-end that answers no beat for this long are dropped. Default 15 s; up to 5 min, and at least five periods.</summary>
    [Range(typeof(TimeSpan), "00:00:00.25", "00:05:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);
}

/// <summary>Names the setting and its range.</summary>
internal sealed class BeatOptionsLimits : IValidateOptions<BeatOptions>
{
    public ValidateOptionsResult Validate(string? name, BeatOptions options)
    {
        var problems = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true))
            return ValidateOptionsResult.Fail(problems.Select(p => $"{BeatOptions.Section}:{p.MemberNames.FirstOrDefault()}: {p.ErrorMessage}"));
        return options.Lease >= BeatSender.BeatsPerLease * options.Period
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"{BeatOptions.Section}:Lease ({options.Lease}) must be at least {BeatSender.BeatsPerLease} times {BeatOptions.Section}:Period ({options.Period}).");
    }
}
