using System.Collections.Concurrent;
using Microsoft.Playwright;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

/// <summary>The page as a person sees it, in the words of the tests.</summary>
public sealed class PageView : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _faults = new();

    public PageView(IPage page)
    {
        Page = page;
        page.PageError += (_, error) => _faults.Enqueue(error);
        page.Console += (_, message) =>
        {
            // What the server refuses or does not answer is logged by the browser itself; anything else is the page's fault.
            if (message.Type == "error" && !message.Text.Contains("net::ERR_", StringComparison.Ordinal) && !message.Text.Contains("Failed to load resource", StringComparison.Ordinal)
                && !message.Text.Contains("WebSocket connection to", StringComparison.Ordinal))
                _faults.Enqueue(message.Text);
        };
    }

    public IPage Page { get; }

    /// <summary>Uncaught errors and violations of the content security policy.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    public Task Connected(TimeSpan? timeout = null) => Shows("#state[data-state=open]", timeout);

    /// <summary>Waits until the channel's row shows that the server has answered the subscription.</summary>
    public Task Subscribed(string channel, TimeSpan? timeout = null) => Shows($"#channels [data-channel='{channel}'][data-live=true]", timeout);

    public async Task Subscribe(string channel)
    {
        await Page.FillAsync("#channel-name", channel);
        await Page.ClickAsync("#subscribe");
        await Subscribed(channel);
    }

    /// <summary>Waits for an event that shows this text.</summary>
    public Task Event(string text, TimeSpan? timeout = null) => Shows($"li.event:has-text('{text}')", timeout);

    /// <summary>Waits for a notice of this kind and returns its text.</summary>
    public async Task<string> Notice(string kind, TimeSpan? timeout = null)
    {
        await Shows($"li.notice[data-kind={kind}]", timeout);
        return await Page.Locator($"li.notice[data-kind={kind}] p").First.InnerTextAsync();
    }

    /// <summary>All events shown, oldest first, as "channel offset how".</summary>
    public async Task<string[]> Events() =>
        await Page.EvaluateAsync<string[]>("[...document.querySelectorAll('li.event')].reverse().map(e => `${e.dataset.channel} ${e.dataset.offset} ${e.dataset.how}`)");

    /// <summary>How many notices of a kind are shown.</summary>
    public Task<int> Notices(string kind) => Page.Locator($"li.notice[data-kind={kind}]").CountAsync();

    public Task Shows(string selector, TimeSpan? timeout = null) =>
        Page.Locator(selector).First.WaitForAsync(new LocatorWaitForOptions { Timeout = (float)(timeout ?? Until.DefaultTimeout).TotalMilliseconds });

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();
}
