using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

public sealed class NamespaceSettingsTests
{
    [Fact]
    public void Without_settings_there_is_the_default_namespace_with_its_defaults()
    {
        var options = Read().Find("news")!;
        Assert.Equal((ChannelClass.Recoverable, 100, TimeSpan.FromMinutes(5), 1 << 20, false),
            (options.Class, options.HistorySize, options.HistoryTtl, options.HistoryBytes, options.ClientPublish));
        Assert.Null(Read().Find("chat:room"));
    }

    [Fact]
    public void A_namespace_is_read_and_the_default_one_keeps_what_is_not_set()
    {
        var namespaces = Read(
            ("chat:Class", "ephemeral"), ("chat:ClientPublish", "true"), ("default:HistorySize", "7"), ("default:HistoryTtl", "00:01:00"));
        Assert.Equal(ChannelClass.Ephemeral, namespaces.Find("chat:room")!.Class);
        Assert.True(namespaces.Find("$chat:room")!.ClientPublish);
        Assert.Equal((7, TimeSpan.FromMinutes(1), 1 << 20), (namespaces.Find("a")!.HistorySize, namespaces.Find("#42")!.HistoryTtl, namespaces.Find("@system")!.HistoryBytes));
    }

    [Theory]
    [InlineData("chat:HistorySize", "0")]
    [InlineData("chat:HistorySize", "many")]
    [InlineData("chat:HistorySzie", "1")]
    [InlineData("default:HistoryBytes", "1")]
    [InlineData("default:HistoryTtl", "2.00:00:00")]
    [InlineData("chat:Class", "7")]
    [InlineData("chat:JoinLeave", "perhaps")]
    public void A_bad_value_is_refused_by_the_settings_name(string key, string value)
    {
        var refusal = Assert.ThrowsAny<Exception>(() => Read((key, value)));
        Assert.Contains("Notify:Namespaces:" + key.Split(':')[0], refusal.Message, StringComparison.Ordinal);
        Assert.Contains(key.Split(':')[1], refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Recovery_cannot_be_forced_where_nothing_is_kept()
    {
        var refusal = Assert.Throws<OptionsValidationException>(() => Read(("chat:ForceRecovery", "true"), ("chat:Class", "Ephemeral")));
        Assert.Contains("Notify:Namespaces:chat:ForceRecovery (true) needs Notify:Namespaces:chat:Class (Ephemeral)", refusal.Message, StringComparison.Ordinal);
        Assert.True(Read(("chat:ForceRecovery", "true")).Find("chat:a")!.ForceRecovery);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData("a.b")]
    public void A_namespace_that_no_channel_name_can_select_is_refused(string name)
    {
        Assert.Contains("Notify:Namespaces:" + name, Assert.Throws<OptionsValidationException>(() => Read((name + ":HistorySize", "5"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_value_stops_the_host_before_it_does_anything()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([new("Notify:Namespaces:chat:HistorySize", "0")]);
        builder.UseOrleans(silo => silo.UseLocalhostClustering(Ports.Free(), Ports.Free()).AddChannels(builder.Configuration).AddFrontEndStreams());
        using var host = builder.Build();
        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains("Notify:Namespaces:chat:HistorySize", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00:00:03", "00:00:15", "Notify:Beats:Period")]
    [InlineData("00:00:02", "00:00:09", "Notify:Beats:Lease")]
    public void Beats_that_front_ends_would_take_for_silence_and_leases_too_short_are_refused(string period, string lease, string setting)
    {
        var result = new BeatOptionsLimits().Validate(null, new BeatOptions
        {
            Period = TimeSpan.Parse(period, System.Globalization.CultureInfo.InvariantCulture),
            Lease = TimeSpan.Parse(lease, System.Globalization.CultureInfo.InvariantCulture),
        });
        Assert.Contains(setting, result.FailureMessage, StringComparison.Ordinal);
    }

    private static ChannelNamespaces Read(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create("Notify:Namespaces:" + s.Key, (string?)s.Value)))
            .Build();
        var read = new NamespaceSettings(configuration);
        var namespaces = new ChannelNamespaces();
        read.Configure(namespaces);
        var result = read.Validate(null, namespaces);
        return result.Succeeded ? namespaces : throw new OptionsValidationException("", typeof(ChannelNamespaces), result.Failures);
    }
}
