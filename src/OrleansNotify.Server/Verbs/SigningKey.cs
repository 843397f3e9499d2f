using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary>What the verb <c>token</c> signs with.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly IDisposable? _key;

    private SigningKey(SecurityKey key, string algorithm, string? keyId, IDisposable? owned)
    {
        key.KeyId = keyId;
        _key = owned;
        Credentials = new SigningCredentials(key, algorithm)
        {
            // Not remembered beyond this token: the key behind it is disposed.
            CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
        };
    }

    /// <summary>For IdentityModel.</summary>
    public SigningCredentials Credentials { get; }

    /// <summary>The private key of a PEM file, or else the first secret of the configuration.</summary>
    /// <exception cref="StartException">There is none that can sign.</exception>
    public static SigningKey Of(string? file, string? keyId, TokenOptions options)
    {
        if (file is not null)
            return OfFile(file, keyId);
        if (options.HmacKeys.Length == 0)
            throw new StartException($"No key to sign with: configure {TokenOptions.Section}:{nameof(options.HmacKeys)}:0 (environment variable Notify__Tokens__HmacKeys__0), or give --key-file with a private key in PEM.");
        return ConfiguredKeys.TryReadSecret(options.HmacKeys[0], out var secret, out var problem)
            ? new(new SymmetricSecurityKey(secret), TokenAlgorithm.Hmac, keyId, null)
            : throw new StartException($"{TokenOptions.Section}:{nameof(options.HmacKeys)}:0 {problem}");
    }

    /// <inheritdoc />
    public void Dispose() => _key?.Dispose();

    private static SigningKey OfFile(string file, string? keyId)
    {
        string pem;
        try
        {
            pem = File.ReadAllText(file);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new StartException($"--key-file ('{file}') cannot be read.", unreadable);
        }
        if (Imported(ECDsa.Create(), pem) is { } curve)
            return new(new ECDsaSecurityKey(curve), curve.KeySize == 256 ? TokenAlgorithm.EllipticCurve : throw Unfit(file), keyId, curve);
        if (Imported(RSA.Create(), pem) is { } rsa)
            return new(new RsaSecurityKey(rsa), rsa.KeySize >= VerificationKey.MinRsaBits ? TokenAlgorithm.Rsa : throw Unfit(file), keyId, rsa);
        throw Unfit(file);
    }

    private static StartException Unfit(string file) =>
        new($"--key-file ('{file}') must hold a private key in PEM without password: RSA of {VerificationKey.MinRsaBits} bits or more, or elliptic curve P-256.");

    private static T? Imported<T>(T key, string pem)
        where T : AsymmetricAlgorithm
    {
        try
        {
            if (!pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
                return null;
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception other) when (other is CryptographicException or ArgumentException)
        {
            key.Dispose();
            return null;
        }
    }
}
