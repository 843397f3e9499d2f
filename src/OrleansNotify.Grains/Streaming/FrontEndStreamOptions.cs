using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace OrleansNotify.Grains.Streaming;

/// <summary>Bounds of the streams to front-ends. Configured under <c>Notify:Streaming</c>.</summary>
public sealed class FrontEndStreamOptions
{
    /// <summary>The section these options are bound from.</summary>
    public const string Section = "Notify:Streaming";

    /// <summary>
    /// Envelopes waiting on a silo for one front-end; above it the front-end is lagging. Default 65,536: with
    /// <see cref="MaxQueuedBytes"/> the bound is reached at once by events of the smallest usual size, 256 bytes. 64 to 1,048,576.
    /// </summary>
    [Range(64, 1 << 20)]
    public int MaxQueuedEnvelopes { get; set; } = 65_536;

    /// <summary>
    /// Bytes waiting on a silo for one front-end. Default 16 MiB: some tenths of a second of all a silo can publish, and with twenty front-ends frozen at
    /// once no more than 320 MiB. 64 KiB to 1 GiB. A single envelope above it is taken by an empty queue only.
    /// </summary>
    [Range(64 << 10, 1 << 30)]
    public int MaxQueuedBytes { get; set; } = 16 << 20;

    /// <summary>Envelopes in one delivery. Default 512; 1 to 65,536.</summary>
    [Range(1, 65_536)]
    public int MaxBatchEnvelopes { get; set; } = 512;

    /// <summary>Bytes in one delivery of more than one envelope. Default 64 KiB (the next message waits behind it between two silos); 1 KiB to 4 MiB.</summary>
    [Range(1 << 10, 4 << 20)]
    public int MaxBatchBytes { get; set; } = 64 << 10;

    /// <summary>For how long a failed delivery is repeated before it is given up and the next one goes out. Default 3 s; 100 ms to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a silo that stops waits for its queues to live front-ends to run empty. Default 2 s; 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(2);
}

/// <summary>Names the setting and its range.</summary>
internal sealed class FrontEndStreamOptionsLimits : IValidateOptions<FrontEndStreamOptions>
{
    public ValidateOptionsResult Validate(string? name, FrontEndStreamOptions options)
    {
        var problems = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true))
            return ValidateOptionsResult.Fail(problems.Select(problem => $"{FrontEndStreamOptions.Section}:{problem.MemberNames.FirstOrDefault()}: {problem.ErrorMessage}"));
        return options.MaxBatchBytes <= options.MaxQueuedBytes
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"{FrontEndStreamOptions.Section}:MaxBatchBytes ({options.MaxBatchBytes}) must not exceed {FrontEndStreamOptions.Section}:MaxQueuedBytes ({options.MaxQueuedBytes}).");
    }
}
