using System.Net;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Where key sets come from.</summary>
internal static class JwksSource
{
    /// <summary>The one the options name, or null.</summary>
    public static ReadJwks? Of(TokenOptions options)
    {
        if (options.JwksUrl.Length > 0)
            return FromUrl(new Uri(options.JwksUrl));
        return options.JwksFile.Length > 0 ? cancellationToken => FromFile(options.JwksFile, cancellationToken) : null;
    }

    /// <summary>A file, not larger than a set may be.</summary>
    public static async Task<byte[]> FromFile(string file, CancellationToken cancellationToken)
    {
        if (new FileInfo(file) is { Exists: true, Length: > Jwks.MaxBytes })
            throw new IOException("The file is larger than 1 MiB.");
        return await File.ReadAllBytesAsync(file, cancellationToken);
    }

    // One client for the life of the process. Redirects are not followed: they could lead from https to http.
    private static ReadJwks FromUrl(Uri url)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            PooledConnectionLifetime = JwksCache.Period, // DNS is asked again
        })
        {
            MaxResponseContentBufferSize = Jwks.MaxBytes,
            Timeout = Timeout.InfiniteTimeSpan, // the cache has its own, by its own clock
        };
        return async cancellationToken =>
        {
            using var response = await client.GetAsync(url, cancellationToken);
            return response.StatusCode == HttpStatusCode.OK
                ? await response.Content.ReadAsByteArrayAsync(cancellationToken)
                : throw new HttpRequestException($"The answer was {(int)response.StatusCode}.", null, response.StatusCode);
        };
    }
}
