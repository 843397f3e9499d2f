using Microsoft.Playwright;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

/// <summary>One headless Chromium for all tests that look at the page; each test opens a context of its own, as a first visit.</summary>
public sealed class Chromium : IAsyncLifetime
{
    public const string Collection = "Chromium";

    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/snap/bin/chromium"];
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        var executable = Environment.GetEnvironmentVariable("CHROMIUM") ?? Array.Find(Places, File.Exists);
        if (executable is null)
            throw new InvalidOperationException("The tests of the page need Chromium: apt-get install chromium, or name its path in the variable CHROMIUM.");
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = executable,
            Headless = true,
            // Nothing of the browser's own may leave this machine; and a container has neither a sandbox nor a GPU.
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    /// <summary>Opens an address as a first visit: no storage, no cache.</summary>
    public async Task<PageView> OpenAsync(Uri address, int width = 1280, int height = 860)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = height } });
        context.SetDefaultTimeout((float)Until.DefaultTimeout.TotalMilliseconds);
        var view = new PageView(await context.NewPageAsync());
        await view.Page.GotoAsync(address.ToString());
        return view;
    }
}

[CollectionDefinition(Chromium.Collection)]
public sealed class ChromiumDefinition : ICollectionFixture<Chromium>;
