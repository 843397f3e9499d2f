using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Server;

/// <summary>A server without anything else beside it keeps states in its file.</summary>
public sealed class SqliteServerTests
{
    [Fact]
    public async Task What_was_written_is_there_after_a_restart_and_a_stale_writer_is_refused()
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, string?> { ["Notify:Storage:Path"] = folder["data/notify.db"] };
        var grain = GrainId.Create("test", "with/slash and ünïcode");
        string? etag;
        await using (var server = await RunningServer.StartAsync(settings))
        {
            Assert.False(Directory.Exists(folder["data"])); // made by the first write
            var state = new GrainState<Remembered>(new Remembered { Text = "first" });
            await Storage(server).WriteStateAsync("log", grain, state);
            Assert.True(state.RecordExists);
            etag = state.ETag;
            await Assert.ThrowsAsync<InconsistentStateException>(() => Storage(server).WriteStateAsync("log", grain, new GrainState<Remembered>(new Remembered { Text = "second" })));
            await server.StopAsync();
        }
        await using (var server = await RunningServer.StartAsync(settings))
        {
            var state = new GrainState<Remembered>();
            await Storage(server).ReadStateAsync("log", grain, state);
            Assert.Equal(("first", etag, true), (state.State!.Text, state.ETag, state.RecordExists));
            await Storage(server).ClearStateAsync("log", grain, state);
            Assert.Equal((null, null, false), (state.State!.Text, state.ETag, state.RecordExists));
            Assert.Empty(server.Log.Errors);
        }
    }

    private static IGrainStorage Storage(RunningServer server) => server.Services.GetRequiredKeyedService<IGrainStorage>(ChannelStorage.ProviderName);

    [GenerateSerializer]
    internal sealed class Remembered
    {
        [Id(0)]
        public string? Text { get; set; }
    }
}
