using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Tests.Streaming;

public class FrontEndStreamOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Assert.True(new FrontEndStreamOptionsLimits().Validate(null, new()).Succeeded);

    [Theory]
    [InlineData("MaxQueuedEnvelopes", "63")]
    [InlineData("MaxQueuedEnvelopes", "1048577")]
    [InlineData("MaxQueuedBytes", "65535")]
    [InlineData("MaxBatchEnvelopes", "0")]
    [InlineData("MaxBatchBytes", "1023")]
    [InlineData("DeliveryTimeout", "00:00:00.05")]
    [InlineData("DeliveryTimeout", "00:01:01")]
    [InlineData("DrainTimeout", "-00:00:01")]
    [InlineData("MaxBatchBytes", "4194304", "MaxQueuedBytes", "65536")]
    public async Task A_value_out_of_range_stops_the_host_and_the_message_names_the_setting(string key, string value, string? otherKey = null, string? otherValue = null)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration["Notify:Streaming:" + key] = value;
        if (otherKey is not null)
            builder.Configuration["Notify:Streaming:" + otherKey] = otherValue;
        builder.UseOrleans(silo => silo.UseLocalhostClustering(1, 0).AddFrontEndStreams());
        using var host = builder.Build();

        var problem = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains("Notify:Streaming:" + key, problem.Message, StringComparison.Ordinal);
    }
}
