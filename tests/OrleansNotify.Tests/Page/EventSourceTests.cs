using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

/// <summary><c>/sse</c> as a browser reads it: its own EventSource, which comes back by itself.</summary>
[Collection(Chromium.Collection)]
public sealed class EventSourceTests(Chromium chromium)
{
    [Fact]
    public async Task A_browser_whose_connection_is_cut_comes_back_by_itself_and_misses_nothing()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var view = await chromium.OpenAsync(new Uri($"http://127.0.0.1:{proxy.Port}/"));
        await view.Page.EvaluateAsync(
            """
            () => {
              window.got = [];
              new EventSource('/sse?channel=a&channel=b').onmessage = message => {
                const { type, channel, offset, recovered } = JSON.parse(message.data);
                got.push([type, channel, offset, recovered ?? ''].join(' ').trim());
              };
            }
            """);
        await Got(view, 2);
        await server.Publish("a", "1");
        await server.Publish("b", "1");
        Assert.Equal(["event a 1", "event b 1", "subscribed a 0", "subscribed b 0"], (await Got(view, 4)).Order());

        proxy.Refuse();
        proxy.Cut();
        await server.Publish("a", "2");
        await server.Publish("b", "2");
        proxy.Accept();
        await Got(view, 8);
        await server.Publish("a", "3");

        var got = (await Got(view, 9))[4..];
        Assert.Equal(["subscribed a 2 true", "event a 2", "event a 3"], got.Where(line => line.Contains(" a ", StringComparison.Ordinal)));
        Assert.Equal(["subscribed b 2 true", "event b 2"], got.Where(line => line.Contains(" b ", StringComparison.Ordinal)));
        Assert.Empty(view.Faults);
    }

    private static Task<string[]> Got(PageView view, int count) =>
        Until.Value($"{count} messages", () => view.Page.EvaluateAsync<string[]>("() => got"), got => got.Length >= count, TimeSpan.FromSeconds(30));
}
