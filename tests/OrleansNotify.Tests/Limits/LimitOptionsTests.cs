using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Limits;

namespace OrleansNotify.Tests.Limits;

public sealed class LimitOptionsTests
{
    [Fact]
    public void The_defaults_are_those_promised()
    {
        var limits = Read();
        Assert.Equal((65536, 65536, 32, 1048576, 100), (limits.MessageBytes, limits.BodyBytes, limits.JsonDepth, limits.BatchBytes, limits.BatchItems));
        Assert.Equal((128, 1048576, 10), (limits.SubscriptionsPerConnection, limits.OutboxBytes, limits.OutboxStall.TotalSeconds));
        Assert.Equal((25, 8, 10, 20), (limits.PingInterval.TotalSeconds, limits.PongTimeout.TotalSeconds, limits.HandshakeTimeout.TotalSeconds, limits.Drain.TotalSeconds));
        Assert.Equal((60, 256, 20, 20, 30, 128), (limits.CommandsPerSecond, limits.CommandBurst, limits.PublishesPerSecond, limits.PublishBurst, limits.SubscribesPerSecond, limits.SubscribeBurst));
        Assert.Equal((100_000, 1_000, 5_000, 5_000), (limits.ConnectionsPerSilo, limits.HandshakesAtOnce, limits.GrainQueue, limits.ActivationsPerSecond));
    }

    [Theory]
    [InlineData("MessageBytes", "0")]
    [InlineData("BodyBytes", "2000000")]
    [InlineData("JsonDepth", "33")]
    [InlineData("BatchBytes", "2048")] // less than one body
    [InlineData("BatchItems", "-1")]
    [InlineData("SubscriptionsPerConnection", "0")]
    [InlineData("CommandsPerSecond", "0")]
    [InlineData("CommandBurst", "0")]
    [InlineData("PublishesPerSecond", "100001")]
    [InlineData("PublishBurst", "-1")]
    [InlineData("SubscribesPerSecond", "0")]
    [InlineData("SubscribeBurst", "127")] // fewer than subscriptions
    [InlineData("OutboxBytes", "1")]
    [InlineData("OutboxStall", "00:00:00")]
    [InlineData("PingInterval", "00:00:08")] // not longer than the pong's time
    [InlineData("PongTimeout", "1.00:00:00")]
    [InlineData("HandshakeTimeout", "00:00:00.5")]
    [InlineData("ConnectionsPerSilo", "0")]
    [InlineData("HandshakesAtOnce", "0")]
    [InlineData("GrainQueue", "9")]
    [InlineData("ActivationsPerSecond", "-1")]
    [InlineData("Drain", "-00:00:01")]
    public void A_bad_value_is_refused_by_the_name_of_its_setting(string setting, string value)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Read((setting, value)));
        Assert.Contains(refused.Failures, f => f.Contains($"Notify:Limits:{setting} ", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_no_number_is_refused_by_the_name_of_its_setting()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Read(("BodyBytes", "64 KiB")));
        Assert.Contains("Notify:Limits:BodyBytes", refused.Message, StringComparison.Ordinal);
    }

    private static LimitOptions Read(params (string Setting, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create<string, string?>($"Notify:Limits:{s.Setting}", s.Value))).Build();
        using var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddNotifyApi(configuration).BuildServiceProvider();
        return services.GetRequiredService<IOptions<LimitOptions>>().Value;
    }
}
