using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

/// <summary>The browsable page of the OpenAPI document.</summary>
[Collection(Chromium.Collection)]
public sealed class DocsPageTests(Chromium chromium)
{
    [Fact]
    public async Task The_documentation_shows_the_endpoints_and_asks_nobody_but_this_server()
    {
        await using var server = await RunningServer.StartAsync();
        await using var view = await chromium.OpenAsync(new Uri("about:blank"));
        var asked = new System.Collections.Concurrent.ConcurrentBag<string>();
        view.Page.Request += (_, request) => asked.Add(request.Url);

        await view.Page.GotoAsync(new Uri(server.Http.BaseAddress!, "/docs/").ToString());
        await view.Page.GetByText("Publish an event").First.WaitForAsync();
        await view.Page.WaitForLoadStateAsync(Microsoft.Playwright.LoadState.NetworkIdle);

        Assert.Contains(asked, url => url.EndsWith("/openapi/v1.json", StringComparison.Ordinal));
        var own = server.Http.BaseAddress!.ToString();
        Assert.DoesNotContain(asked, url => url.StartsWith("http", StringComparison.Ordinal) && !url.StartsWith(own, StringComparison.Ordinal));
    }
}
