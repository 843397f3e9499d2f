namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>Who may use the HTTP API. Bound from <c>Notify:ApiKeys</c>, a list, and checked at start; an unknown setting there ends the start too, so that no restriction is misspelt unseen.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:ApiKeys";

    /// <summary>The keys. Default none.</summary>
    public IList<ApiKeySettings> Keys { get; } = [];
}

/// <summary>One key, <c>Notify:ApiKeys:{n}</c>. The verb <c>api-key</c> makes one.</summary>
public sealed class ApiKeySettings
{
    /// <summary>What it is called in logs; each once, 1–64 of <c>A-Z a-z 0-9 _ . -</c>.</summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// SHA-256 of the key's UTF-8 bytes, in hex or base64. A fast hash is right here: a key is 256 random bits, which nobody finds by trying, however fast;
    /// slow hashes protect what people have thought up.
    /// </summary>
    public string Hash { get; set; } = "";

    /// <summary>What it may do, out of publish, read and admin, at least one; none of them includes another.</summary>
    public string[] Scopes { get; set; } = [];

    /// <summary>Channels it may do that on: names, and patterns such as <c>chat.*</c> or <c>chat.**</c>. Default none, which means all.</summary>
    public string[] Channels { get; set; } = [];

    /// <summary>Publications a second with this key on each silo, and as many at once after a pause; beyond it 429. Default 0: any number; to 1,000,000.</summary>
    public int PublishesPerSecond { get; set; }
}
