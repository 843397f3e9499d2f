using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>Checks <see cref="WebhookOptions"/>, naming the setting that is wrong, and never a secret or an address, which may hold one.</summary>
internal sealed class WebhookOptionsCheck : IValidateOptions<WebhookOptions>
{
    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, WebhookOptions options)
    {
        var failures = new List<string>();
        for (var i = 0; i < options.Hooks.Count; i++)
        {
            var hook = options.Hooks[i];
            var path = $"{WebhookOptions.Section}:{i}";
            if (FindUrlProblem(hook) is { } problem)
                failures.Add($"{path}:{nameof(hook.Url)} {problem}");
            if (!WebhookSignature.TryReadSecret(hook.Secret, out _))
                failures.Add($"{path}:{nameof(hook.Secret)} must be at least {WebhookSignature.MinSecretBytes} random bytes in base64, such as 'openssl rand -base64 32' prints.");
            CheckEvents(hook, path, failures);
            CheckChannels(hook, path, failures);
            Check(failures, $"{path}:{nameof(hook.QueueEvents)}", hook.QueueEvents, 100, 1_000_000);
            Check(failures, $"{path}:{nameof(hook.Timeout)}", hook.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
            Check(failures, $"{path}:{nameof(hook.Tries)}", hook.Tries, 1, 100);
            Check(failures, $"{path}:{nameof(hook.TryFor)}", hook.TryFor, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        }
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static string? FindUrlProblem(WebhookSettings hook)
    {
        if (!Uri.TryCreate(hook.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return "must be an absolute https address.";
        if (url.UserInfo.Length > 0)
            return "must not carry a user name or password: requests are signed.";
        return url.Scheme == Uri.UriSchemeHttps || url.IsLoopback || hook.AllowHttp
            ? null
            : $"must be https: users and channels are in what is sent (http is for loopback only, or with {nameof(hook.AllowHttp)}).";
    }

    private static void CheckEvents(WebhookSettings hook, string path, List<string> failures)
    {
        for (var i = 0; i < hook.Events.Length; i++)
        {
            if (!WebhookEvent.Names.Contains(hook.Events[i], StringComparer.Ordinal))
                failures.Add($"{path}:{nameof(hook.Events)}:{i} ('{hook.Events[i]}') must be one of {string.Join(", ", WebhookEvent.Names)}.");
        }
    }

    private static void CheckChannels(WebhookSettings hook, string path, List<string> failures)
    {
        if (!ChannelGrants.TryRead(hook.Channels, out _, out var wrong))
            failures.Add($"{path}:{nameof(hook.Channels)}:{wrong} ('{hook.Channels[wrong.Value]}') must be a channel, or a pattern such as chat.* or chat.**");
        for (var i = 0; i < hook.Channels.Length; i++)
        {
            if (ChannelName.IsUnlisted(hook.Channels[i]))
                failures.Add($"{path}:{nameof(hook.Channels)}:{i} ('{hook.Channels[i]}') has no effect: '@' and '#' channels are left out of webhooks.");
        }
    }

    private static void Check<T>(List<string> failures, string setting, T value, T min, T max)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
            failures.Add($"{setting} ({value}) must be between {min} and {max}.");
    }
}
