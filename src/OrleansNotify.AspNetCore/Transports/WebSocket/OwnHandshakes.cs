using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>Tells the handshakes by which this process tries itself out from those of its clients: their sessions are counted, listed and reported nowhere.</summary>
internal sealed class OwnHandshakes
{
    /// <summary>The header by which one is told.</summary>
    public const string Header = "X-Own-Handshake";

    /// <summary>What stands in it. It never leaves the process but to come back to it.</summary>
    public string Key { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>Whether a request is one.</summary>
    public bool Has(HttpRequest request) => request.Headers.TryGetValue(Header, out var key) && key == Key;
}
