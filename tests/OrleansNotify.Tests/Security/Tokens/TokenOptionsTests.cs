using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Tests.Sqlite;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>What of <c>Notify:Tokens</c> ends the start, and with which words.</summary>
public sealed class TokenOptionsTests : IDisposable
{
    private const string Good = "Algorithms:0=HS256;HmacKeys:0=BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData(Good)]
    [InlineData("Algorithms:0=HS256;HmacKeys:0=BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY=;ClockSkew=00:05:00;MaxTokenBytes=1024")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=rsa.pem")]
    [InlineData("Algorithms:0=RS256;Algorithms:1=ES256;PublicKeyFiles:0=both.pem")]
    [InlineData("Algorithms:0=RS256;JwksUrl=https://issuer.example/keys;Issuer=x")]
    [InlineData("Algorithms:0=RS256;JwksUrl=http://localhost:1/keys;Issuer=x")]
    [InlineData("Algorithms:0=ES256;JwksFile=keys.json;Issuer=x")]
    public void What_is_right_starts(string settings) => Assert.Null(Problem(settings));

    [Theory]
    [InlineData("Algorithms:0=none", "Notify:Tokens:Algorithms:0 ('none') must be one of HS256, RS256, ES256.")]
    [InlineData("Algorithms:0=hs256", "Notify:Tokens:Algorithms:0 ('hs256') must be one of")]
    [InlineData("Algorithms=HS256", "Notify:Tokens:Algorithms")]
    [InlineData("Algorithms:0=HS256", "Notify:Tokens:Algorithms has HS256, but Notify:Tokens:HmacKeys has no key for it.")]
    [InlineData("Algorithms:0=RS256", "Notify:Tokens:Algorithms has RS256, but neither Notify:Tokens:PublicKeyFiles nor a JWKS has a key for it.")]
    [InlineData("Algorithms:0=HS256;HmacKeys:0=c2hvcnQtY2FuYXJ5", "Notify:Tokens:HmacKeys:0 is 12 bytes long; HS256 takes 32 or more")]
    [InlineData("Algorithms:0=HS256;HmacKeys:0=canary!", "Notify:Tokens:HmacKeys:0 must be at least 32 random bytes in base64")]
    [InlineData("Algorithms:0=HS256;HmacKeys:0={spki}", "Notify:Tokens:HmacKeys:0 is a public key")]
    [InlineData("HmacKeys:0=BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "Notify:Tokens:HmacKeys is configured, but Notify:Tokens:Algorithms does not have HS256.")]
    [InlineData("Algorithms:0=ES256;PublicKeyFiles:0=rsa.pem", "is configured, but Notify:Tokens:Algorithms does not have RS256.")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=nowhere.pem", "nowhere.pem') cannot be read.")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=private.pem", "private.pem') holds a private key: the server needs the public one only")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=small.pem", "small.pem') holds a key that is neither RSA of 2048 bits or more nor elliptic curve P-256.")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=p384.pem", "p384.pem') holds a key that is neither RSA of 2048 bits or more nor elliptic curve P-256.")]
    [InlineData("Algorithms:0=RS256;PublicKeyFiles:0=keys.json", "keys.json') holds no key in PEM")]
    [InlineData("Algorithms:0=RS256;JwksUrl=https://issuer.example/keys", "Notify:Tokens:Issuer is required with Notify:Tokens:JwksUrl")]
    [InlineData("Algorithms:0=RS256;JwksUrl=https://issuer.example/keys;JwksFile=keys.json;Issuer=x", "Notify:Tokens:JwksUrl and Notify:Tokens:JwksFile are both configured")]
    [InlineData("Algorithms:0=RS256;JwksUrl=http://issuer.example/keys;Issuer=x", "Notify:Tokens:JwksUrl must be https")]
    [InlineData("Algorithms:0=RS256;JwksUrl=https://u:canary@issuer.example/keys;Issuer=x", "Notify:Tokens:JwksUrl must not carry a user name or password.")]
    [InlineData("Algorithms:0=RS256;JwksUrl=keys;Issuer=x", "Notify:Tokens:JwksUrl must be an absolute https address.")]
    [InlineData(Good + ";JwksUrl=https://issuer.example/keys;Issuer=x", "Notify:Tokens:JwksUrl is configured, but Notify:Tokens:Algorithms has neither RS256 nor ES256.")]
    [InlineData("Algorithms:0=RS256;JwksFile=rsa.pem;Issuer=x", "rsa.pem') is no JSON Web Key Set.")]
    [InlineData("Algorithms:0=RS256;JwksFile=keys.json;Issuer=x", "Notify:Tokens:Algorithms has RS256, but neither")]
    [InlineData("Algorithms:0=RS256;JwksFile=none.json;Issuer=x", "none.json') cannot be read.")]
    [InlineData(Good + ";ClockSkew=00:05:01", "Notify:Tokens:ClockSkew (00:05:01) must be between 00:00:00 and 00:05:00.")]
    [InlineData(Good + ";ClockSkew=-00:00:01", "Notify:Tokens:ClockSkew (-00:00:01) must be between")]
    [InlineData(Good + ";RevocationLifetime=00:00:59", "Notify:Tokens:RevocationLifetime (00:00:59) must be between 00:01:00 and 3650.00:00:00.")]
    [InlineData(Good + ";RevocationLifetime=3650.00:00:01", "Notify:Tokens:RevocationLifetime (3650.00:00:01) must be between")]
    [InlineData(Good + ";MaxTokenBytes=32769", "Notify:Tokens:MaxTokenBytes (32769) must be between 1024 and 32768.")]
    [InlineData(Good + ";Audiance=notify", "Audiance")]
    public void What_is_wrong_ends_the_start_and_names_the_setting(string settings, string sentence)
    {
        var problem = Problem(settings);
        Assert.Contains(sentence, problem, StringComparison.Ordinal);
        Assert.Contains("Notify:Tokens", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("c2hvcnQ", problem, StringComparison.Ordinal);
    }

    private string? Problem(string settings)
    {
        using var small = RSA.Create(1024);
        using var wide = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        File.WriteAllText(_folder["rsa.pem"], Rsa.ExportRSAPublicKeyPem());
        File.WriteAllText(_folder["both.pem"], Rsa.ExportSubjectPublicKeyInfoPem() + "\n" + Curve.ExportSubjectPublicKeyInfoPem() + "\n");
        File.WriteAllText(_folder["private.pem"], Rsa.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_folder["small.pem"], small.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(_folder["p384.pem"], wide.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(_folder["keys.json"], Jwks(Jwk(Curve, "one")));
        var values = settings.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(setting => setting.Split('=', 2))
            .ToDictionary(pair => $"{TokenOptions.Section}:{pair[0]}", string? (pair) => Value(pair[0], pair[1]));
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(values).Build();
        using var services = new ServiceCollection().AddLogging().AddSingleton(Delivery.TestMetrics.Create()).AddTokens(configuration).BuildServiceProvider();
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            Assert.Equal(values.Count > 0, services.GetRequiredService<TokenVerifier>().IsOn);
            return null;
        }
        catch (OptionsValidationException exception)
        {
            return string.Join("\n", exception.Failures);
        }
    }

    private string Value(string setting, string value) => value switch
    {
        "{spki}" => Convert.ToBase64String(Rsa.ExportSubjectPublicKeyInfo()),
        _ when setting.Contains("File", StringComparison.Ordinal) => _folder[value],
        _ => value,
    };
}
