using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>The opening handshake (RFC 6455, 4.2), so far as HTTP has not checked it already.</summary>
internal static class WebSocketHandshake
{
    private const string AcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 1.3

    /// <summary>Checks a request; null when it may be upgraded, else status and a sentence.</summary>
    public static (int Status, string Problem)? Check(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (!HttpMethods.IsGet(context.Request.Method))
            return (StatusCodes.Status405MethodNotAllowed, "A WebSocket handshake is a GET request.");
        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } || !HasToken(headers.Upgrade, "websocket"))
            return (StatusCodes.Status426UpgradeRequired, "This address speaks WebSocket: connect with a WebSocket client over HTTP/1.1.");
        if (headers.SecWebSocketVersion != "13")
            return (StatusCodes.Status426UpgradeRequired, "Sec-WebSocket-Version must be 13.");
        Span<byte> nonce = stackalloc byte[16];
        var key = headers.SecWebSocketKey.ToString();
        if (key.Length != 24 || !Convert.TryFromBase64String(key, nonce, out var length) || length != 16)
            return (StatusCodes.Status400BadRequest, "Sec-WebSocket-Key must be 16 bytes in base64.");
        return null;
    }

    /// <summary>The subprotocol to speak, or null for none.</summary>
    public static string? ChooseSubProtocol(HttpContext context) =>
        context.Request.Headers.SecWebSocketProtocol.Any(line => line is not null && HasToken(line, JsonWebSocketFormat.SubProtocol)) ? JsonWebSocketFormat.SubProtocol : null;

    /// <summary>Answers 101 and takes the connection over.</summary>
    public static Task<Stream> Accept(HttpContext context, string? subProtocol)
    {
        var response = context.Response.Headers;
        response.Upgrade = "websocket";
        response.Connection = "Upgrade";
        response.SecWebSocketAccept = AcceptKey(context.Request.Headers.SecWebSocketKey.ToString());
        if (subProtocol is not null)
            response.SecWebSocketProtocol = subProtocol;
        return context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
    }

    private static string AcceptKey(string key)
    {
        Span<byte> text = stackalloc byte[24 + 36];
        Encoding.ASCII.GetBytes(key, text);
        Encoding.ASCII.GetBytes(AcceptGuid, text[24..]);
#pragma warning disable CA5350 // SHA-1 is what RFC 6455 prescribes; it protects nothing here.
        return Convert.ToBase64String(SHA1.HashData(text));
#pragma warning restore CA5350
    }

    private static bool HasToken(Microsoft.Extensions.Primitives.StringValues lines, string token) => lines.Any(line => line is not null && HasToken(line, token));

    private static bool HasToken(string line, string token) =>
        line.Split(',', StringSplitOptions.TrimEntries).Contains(token, StringComparer.OrdinalIgnoreCase);
}
