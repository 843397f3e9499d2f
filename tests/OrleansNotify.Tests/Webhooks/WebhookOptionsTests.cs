using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Webhooks;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>What of <c>Notify:Webhooks</c> ends the start, and with which words.</summary>
public sealed class WebhookOptionsTests
{
    private const string Good = "1:Url=https://receiver.example/hook;1:Secret=" + WebhookReceiver.Secret;

    [Theory]
    [InlineData("", 0)]
    [InlineData(Good, 1)]
    [InlineData(Good + ";0:Url=http://localhost:1;0:Secret=Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ;0:Events:0=occupied;0:Events:1=vacated;0:Channels:0=chat.**;0:Channels:1=$orders", 2)]
    [InlineData(Good + ";1:Url=http://receiver.example/hook;1:AllowHttp=true;1:QueueEvents=100;1:Timeout=00:01:00;1:Tries=1;1:TryFor=01:00:00", 1)]
    public void What_is_right_starts(string settings, int hooks) => Assert.Equal(hooks, Read(settings).Hooks.Count);

    [Theory]
    [InlineData("1:Url=", "1:Url must be an absolute https address.")]
    [InlineData("1:Url=canary", "1:Url must be an absolute https address.")]
    [InlineData("1:Url=ftp://receiver.example/canary", "1:Url must be an absolute https address.")]
    [InlineData("1:Url=http://receiver.example/canary", "1:Url must be https: users and channels are in what is sent (http is for loopback only, or with AllowHttp).")]
    [InlineData("1:Url=https://u:canary@receiver.example", "1:Url must not carry a user name or password: requests are signed.")]
    [InlineData("1:Secret=", "1:Secret must be at least 32 random bytes in base64, such as 'openssl rand -base64 32' prints.")]
    [InlineData("1:Secret=canary", "1:Secret must be at least 32 random bytes in base64")]
    [InlineData("1:Events:0=Connected", "1:Events:0 ('Connected') must be one of connected, disconnected, subscribed, unsubscribed, occupied, vacated.")]
    [InlineData("1:Channels:0=news;1:Channels:1=chat*", "1:Channels:1 ('chat*') must be a channel, or a pattern such as chat.* or chat.**")]
    [InlineData("1:Channels:0=#alice", "1:Channels:0 ('#alice') has no effect: '@' and '#' channels are left out of webhooks.")]
    [InlineData("1:QueueEvents=99", "1:QueueEvents (99) must be between 100 and 1000000.")]
    [InlineData("1:Timeout=00:01:01", "1:Timeout (00:01:01) must be between 00:00:00.1000000 and 00:01:00.")]
    [InlineData("1:Tries=0", "1:Tries (0) must be between 1 and 100.")]
    [InlineData("1:TryFor=01:00:01", "1:TryFor (01:00:01) must be between 00:00:01 and 01:00:00.")]
    [InlineData("1:Event:0=connected", "1: ")]
    [InlineData("1:Tries=many", "1: ")]
    [InlineData("first:Url=x", "first: Notify:Webhooks is a list; its entries are Notify:Webhooks:0, :1 and so on.")]
    public void What_is_wrong_ends_the_start_and_names_the_setting(string settings, string sentence)
    {
        var problem = Assert.Throws<OptionsValidationException>(() => Read($"{Good.Replace("1:", "0:", StringComparison.Ordinal)};{Good};{settings}"));
        Assert.Contains($"Notify:Webhooks:{sentence}", string.Join('\n', problem.Failures), StringComparison.Ordinal);
        Assert.DoesNotContain("canary", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(WebhookReceiver.Secret[8..20], problem.Message, StringComparison.Ordinal);
    }

    private static WebhookOptions Read(string settings)
    {
        var values = new Dictionary<string, string?>();
        foreach (var setting in settings.Split(';', StringSplitOptions.RemoveEmptyEntries))
            values[$"{WebhookOptions.Section}:{setting.Split('=', 2)[0]}"] = setting.Split('=', 2)[1];
        using var services = new ServiceCollection().AddWebhooks(new ConfigurationBuilder().AddInMemoryCollection(values).Build()).BuildServiceProvider();
        services.GetRequiredService<IStartupValidator>().Validate();
        return services.GetRequiredService<IOptions<WebhookOptions>>().Value;
    }
}
