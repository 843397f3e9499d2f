using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace OrleansNotify.Server.Page;

/// <summary>The page at <c>/</c>: a few files embedded in this assembly, no build step, nothing fetched from elsewhere.</summary>
internal static class PageEndpoints
{
    // Script and style only from our own files, never inline; connections only to this server; not to be framed. Trusted types: no string becomes markup.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private const string Prefix = "Page/"; // of the resources' names, set in the project file

    /// <summary>Maps <c>/</c> and the files under <c>/page/</c> that it loads.</summary>
    public static IEndpointRouteBuilder MapPage(this IEndpointRouteBuilder routes)
    {
        var assembly = typeof(PageEndpoints).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            Map(routes, resource[Prefix.Length..], content);
        }

        return routes;
    }

    private static void Map(IEndpointRouteBuilder routes, string name, byte[] content)
    {
        var contentType = ContentTypeOf(name);
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16))}\"");
        routes.MapMethods(name == "index.html" ? "/" : $"/page/{name}", [HttpMethods.Get, HttpMethods.Head], (HttpResponse response) =>
            {
                var headers = response.Headers;
                headers.ContentSecurityPolicy = ContentSecurityPolicy;
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "no-referrer";
                headers["Cross-Origin-Opener-Policy"] = "same-origin";
                headers["Cross-Origin-Resource-Policy"] = "same-origin";
                headers.CacheControl = "no-cache"; // keep it, but ask each time: a new version of the server is a new page at once
                return TypedResults.Bytes(content, contentType, entityTag: tag); // answers If-None-Match with 304
            })
            .ExcludeFromDescription();
    }

    private static string ContentTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => throw new NotSupportedException($"The page has no content type for {name}."),
    };
}
