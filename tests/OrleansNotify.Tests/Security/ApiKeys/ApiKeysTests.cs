using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using KnownKeys = OrleansNotify.AspNetCore.Security.ApiKeys.ApiKeys;

namespace OrleansNotify.Tests.Security.ApiKeys;

/// <summary>Who has a key, what it lets him do, and which configuration of keys does not start.</summary>
public sealed class ApiKeysTests
{
    private static readonly string First = ApiKeySecret.New();
    private static readonly string Second = ApiKeySecret.New();

    [Fact]
    public void A_key_is_found_by_its_hash_and_says_what_it_may()
    {
        var keys = Read(
            ("0:Name", "backend"), ("0:Hash", Convert.ToHexString(ApiKeySecret.Hash(First))), ("0:Scopes:0", "publish"), ("0:Scopes:1", "read"),
            ("1:Name", "chat"), ("1:Hash", Convert.ToBase64String(ApiKeySecret.Hash(Second))), ("1:Scopes:0", "admin"),
            ("1:Channels:0", "chat.**"), ("1:Channels:1", "$orders"), ("1:Channels:2", "@broadcast"));
        var (backend, chat) = (keys.Find(First)!, keys.Find(Second)!);
        Assert.Equal(("backend", "chat"), (backend.Name, chat.Name));
        Assert.Equal(ApiScopes.Publish | ApiScopes.Read, backend.Scopes);
        Assert.True(backend.May(ApiScopes.Publish));
        Assert.False(backend.May(ApiScopes.Admin));
        Assert.False(chat.May(ApiScopes.Publish));
        Assert.All(["news", "$any", "#42", "@system", "ns:a"], channel => Assert.True(backend.Channels.Cover(channel), channel));
        Assert.All(["chat.a", "chat.a.b", "$orders", "@broadcast"], channel => Assert.True(chat.Channels.Cover(channel), channel));
        Assert.All(["chat", "chat.a#42", "$other", "@system", "#42", "ns:chat.a"], channel => Assert.False(chat.Channels.Cover(channel), channel));
    }

    [Fact]
    public void Anything_else_is_nobodys()
    {
        var hash = Convert.ToHexString(ApiKeySecret.Hash(First));
        var keys = Read(("0:Name", "a"), ("0:Hash", hash), ("0:Scopes:0", "read"));
        Assert.All([null, "", " ", hash, First + " ", First[..^1], First.ToUpperInvariant(), Second, new string('x', 1 << 20)], presented => Assert.Null(keys.Find(presented)));
        Assert.NotNull(keys.Find(First));
        Assert.Null(Read().Find(First));
    }

    [Fact]
    public void Keys_are_long_and_differ()
    {
        var keys = Enumerable.Range(0, 100).Select(_ => ApiKeySecret.New()).ToHashSet();
        Assert.Equal(100, keys.Count);
        Assert.All(keys, key => Assert.Matches("^onk_[A-Za-z0-9_-]{43}$", key));
    }

    [Theory]
    [InlineData("0:Name", "", "Notify:ApiKeys:0:Name ('') must be 1 to 64 of A-Z a-z 0-9 _ . -")]
    [InlineData("0:Name", "two words", "Notify:ApiKeys:0:Name ('two words') must be")]
    [InlineData("1:Name", "first", "Notify:ApiKeys:1:Name ('first') is another key's too")]
    [InlineData("0:Hash", "canary", "Notify:ApiKeys:0:Hash must be the SHA-256 of the key")]
    [InlineData("1:Hash", "{first}", "Notify:ApiKeys:1:Hash is another key's too")]
    [InlineData("0:Scopes:0", "Publish", "Notify:ApiKeys:0:Scopes:0 ('Publish') must be one of publish, read, admin.")]
    [InlineData("0:Scopes:0", null, "Notify:ApiKeys:0:Scopes")]
    [InlineData("0:PublishesPerSecond", "-1", "Notify:ApiKeys:0:PublishesPerSecond (-1) must be between 0, which means any number, and 1000000.")]
    [InlineData("0:Channels:0", "chat*", "Notify:ApiKeys:0:Channels:0 ('chat*') must be a channel, or a pattern")]
    [InlineData("0:Channels:0", "$chat.*", "Notify:ApiKeys:0:Channels:0 ('$chat.*') must be a channel, or a pattern")]
    [InlineData("0:Channel:0", "chat", "Notify:ApiKeys:0: ")]
    [InlineData("0:Channels", "chat", "Notify:ApiKeys:0")]
    [InlineData("backend:Name", "x", "Notify:ApiKeys:backend: Notify:ApiKeys is a list")]
    public void What_is_wrong_ends_the_start_and_names_the_setting(string setting, string? value, string sentence)
    {
        var settings = new Dictionary<string, string?>
        {
            ["0:Name"] = "first",
            ["0:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(First)),
            ["0:Scopes:0"] = "publish",
            ["1:Name"] = "second",
            ["1:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(Second)),
            ["1:Scopes:0"] = "read",
        };
        Assert.Equal("second", Read([.. settings.Select(pair => (pair.Key, pair.Value))]).Find(Second)?.Name);
        settings[setting] = value == "{first}" ? Convert.ToBase64String(ApiKeySecret.Hash(First)) : value;
        if (value is null)
            settings.Remove(setting);
        var problem = Assert.Throws<OptionsValidationException>(() => Read([.. settings.Select(pair => (pair.Key, pair.Value))]));
        Assert.Contains(sentence, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", problem.Message, StringComparison.Ordinal);
    }

    private static KnownKeys Read(params (string Setting, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(setting => $"{ApiKeyOptions.Section}:{setting.Setting}", setting => setting.Value))
            .Build();
        using var services = new ServiceCollection().AddApiKeys(configuration).BuildServiceProvider();
        services.GetRequiredService<IStartupValidator>().Validate();
        return services.GetRequiredService<KnownKeys>();
    }
}
