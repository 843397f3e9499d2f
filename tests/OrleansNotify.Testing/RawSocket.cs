using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace OrleansNotify.Testing;

/// <summary>RFC 6455 by hand over TCP: sends what no decent client would. Every read has a deadline.</summary>
public sealed class RawSocket : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    private RawSocket(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket);
    }

    /// <summary>Opens a TCP connection to a loopback port.</summary>
    public static async Task<RawSocket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new RawSocket(socket);
    }

    /// <summary>Opens a TCP connection and shakes hands on <c>/ws</c>; throws when that is refused.</summary>
    public static async Task<RawSocket> OpenAsync(int port, string path = "/ws", params (string Name, string Value)[] headers)
    {
        var raw = await ConnectAsync(port);
        var reply = await raw.Handshake(path, headers);
        return reply.Status == 101 ? raw : throw new InvalidOperationException($"The handshake was answered {reply.Status}: {reply.Body}");
    }

    /// <summary>Sends an HTTP request and reads the answer, over a connection of its own.</summary>
    /// <param name="port">A loopback port.</param>
    /// <param name="request">Request line, headers, empty line, body; as it goes out (CRLF).</param>
    public static async Task<RawResponse> Http(int port, ReadOnlyMemory<byte> request)
    {
        await using var raw = await ConnectAsync(port);
        await raw.Send(request);
        return await raw.ReadResponse();
    }

    /// <summary>Posts a body to a path; for bodies that are not text.</summary>
    public static Task<RawResponse> Post(int port, string path, ReadOnlyMemory<byte> body, string contentType = "application/json", params (string Name, string Value)[] headers)
    {
        var head = new StringBuilder($"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {contentType}\r\nContent-Length: {body.Length}\r\n");
        foreach (var (name, value) in headers)
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        return Http(port, (byte[])[.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body.Span]);
    }

    /// <summary>Sends bytes.</summary>
    public Task Send(ReadOnlyMemory<byte> bytes) => Limited(_stream.WriteAsync(bytes).AsTask(), "the server to take bytes");

    /// <summary>Sends bytes one by one, each in a write of its own.</summary>
    public async Task SendBytewise(ReadOnlyMemory<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
            await Send(bytes.Slice(i, 1));
    }

    /// <summary>Sends a WebSocket handshake and reads the answer. Headers given replace the usual ones of the same name; an empty value leaves one out.</summary>
    public async Task<RawResponse> Handshake(string path = "/ws", params (string Name, string Value)[] headers)
    {
        var all = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Host"] = $"127.0.0.1:{((IPEndPoint)_socket.RemoteEndPoint!).Port}",
            ["Upgrade"] = "websocket",
            ["Connection"] = "Upgrade",
            ["Sec-WebSocket-Key"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16)),
            ["Sec-WebSocket-Version"] = "13",
        };
        foreach (var (name, value) in headers)
            all[name] = value;
        var request = new StringBuilder($"GET {path} HTTP/1.1\r\n");
        foreach (var (name, value) in all.Where(header => header.Value.Length > 0))
            request.Append(name).Append(": ").Append(value).Append("\r\n");
        await Send(Encoding.Latin1.GetBytes(request.Append("\r\n").ToString()));
        return await ReadResponse();
    }

    /// <summary>The bytes of one frame. A client must mask (RFC 6455 5.1); this one need not.</summary>
    /// <param name="opcode">1 text, 2 binary, 0 continuation, 8 close, 9 ping, 10 pong; 4 bits.</param>
    /// <param name="payload">Before masking.</param>
    /// <param name="fin">Whether the message ends here.</param>
    /// <param name="masked">With a random key.</param>
    /// <param name="rsv">The three reserved bits.</param>
    /// <param name="declaredLength">What the length field says; null: the truth. Negative: 64 bits with the top one set.</param>
    public static byte[] Frame(int opcode, ReadOnlySpan<byte> payload, bool fin = true, bool masked = true, int rsv = 0, long? declaredLength = null)
    {
        var length = declaredLength ?? payload.Length;
        var frame = new List<byte> { (byte)((fin ? 0x80 : 0) | (rsv << 4) | opcode) };
        var mask = masked ? 0x80 : 0;
        Span<byte> extended = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(extended, length);
        switch (length)
        {
            case >= 0 and < 126:
                frame.Add((byte)(mask | (int)length));
                break;
            case >= 0 and <= ushort.MaxValue:
                frame.Add((byte)(mask | 126));
                frame.AddRange(extended[6..]);
                break;
            default:
                frame.Add((byte)(mask | 127));
                frame.AddRange(extended);
                break;
        }

        var key = masked ? RandomNumberGenerator.GetBytes(4) : [0, 0, 0, 0];
        if (masked)
            frame.AddRange(key);
        for (var i = 0; i < payload.Length; i++)
            frame.Add((byte)(payload[i] ^ key[i % 4]));
        return [.. frame];
    }

    /// <summary>Sends one frame.</summary>
    public Task SendFrame(int opcode, ReadOnlySpan<byte> payload, bool fin = true, bool masked = true, int rsv = 0) =>
        Send(Frame(opcode, payload, fin, masked, rsv));

    /// <summary>Sends a text message in one masked frame.</summary>
    public Task SendText(string text) => SendFrame(1, Encoding.UTF8.GetBytes(text));

    /// <summary>Reads the next frame; null when the server has ended the connection.</summary>
    public async Task<RawFrame?> ReadFrame(TimeSpan? timeout = null)
    {
        var head = await ReadExactly(2, timeout);
        if (head is null)
            return null;
        long length = head[1] & 0x7F;
        if (length == 126)
            length = BinaryPrimitives.ReadUInt16BigEndian(await ReadExactly(2, timeout));
        else if (length == 127)
            length = BinaryPrimitives.ReadInt64BigEndian(await ReadExactly(8, timeout));
        var payload = length == 0 ? [] : await ReadExactly((int)length, timeout);
        return payload is null ? null : new RawFrame(head[0] & 0x0F, (head[0] & 0x80) != 0, (head[0] >> 4) & 7, (head[1] & 0x80) != 0, payload);
    }

    /// <summary>Reads until the close frame and returns its code; null when the connection ended without one.</summary>
    public async Task<int?> ReadCloseCode(TimeSpan? timeout = null)
    {
        while (await ReadFrame(timeout) is { } frame)
        {
            if (frame.Opcode == 8)
                return frame.CloseCode;
        }

        return null;
    }

    /// <summary>Reads the head of an HTTP answer and, by its Content-Length or chunks, the body.</summary>
    public async Task<RawResponse> ReadResponse()
    {
        var head = new List<byte>();
        while (head.Count < 4 || !head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
            head.Add((await ReadExactly(1) ?? throw new IOException($"The connection ended in the head of an answer: {Text(head)}"))[0]);
        var lines = Text(head).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).ToLookup(line => line[0].Trim(), line => line[1].Trim(), StringComparer.OrdinalIgnoreCase);
        var status = int.Parse(lines[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        var body = new List<byte>();
        if (headers["Transfer-Encoding"].Contains("chunked"))
        {
            while (await ReadChunk() is { Length: > 0 } chunk)
                body.AddRange(chunk);
        }
        else if (headers["Content-Length"].FirstOrDefault() is { } length && int.Parse(length, System.Globalization.CultureInfo.InvariantCulture) is > 0 and var count)
        {
            body.AddRange(await ReadExactly(count) ?? throw new IOException("The connection ended in the body of an answer."));
        }

        return new RawResponse(status, headers, Text(body));
    }

    /// <summary>Ends our half of the connection: the server reads to its end, and can still answer.</summary>
    public void SaysNoMore() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Resets the connection: the server sees an error, not an end.</summary>
    public void Reset() => _socket.Close(0);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _socket.Dispose();
    }

    private static string Text(List<byte> bytes) => Encoding.UTF8.GetString(bytes.ToArray());

    private static async Task Limited(Task work, string what)
    {
        try
        {
            await work.WaitAsync(Until.DefaultTimeout, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {Until.DefaultTimeout.TotalSeconds:0.#} s for {what}.");
        }
    }

    private async Task<byte[]> ReadChunk()
    {
        var size = new StringBuilder();
        while (!size.ToString().EndsWith("\r\n", StringComparison.Ordinal))
            size.Append((char)(await ReadExactly(1) ?? throw new IOException("The connection ended in a chunk."))[0]);
        var count = Convert.ToInt32(size.ToString().Trim(), 16);
        var chunk = await ReadExactly(count + 2) ?? throw new IOException("The connection ended in a chunk.");
        return chunk[..count];
    }

    /// <summary>Null: the other side ended or reset the connection.</summary>
    private async Task<byte[]?> ReadExactly(int count, TimeSpan? timeout = null)
    {
        var buffer = new byte[count];
        using var deadline = new CancellationTokenSource(timeout ?? Until.DefaultTimeout, TimeProvider.System);
        try
        {
            await _stream.ReadExactlyAsync(buffer, deadline.Token);
            return buffer;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Waited {(timeout ?? Until.DefaultTimeout).TotalSeconds:0.#} s for {count} more bytes from the server.");
        }
        catch (IOException)
        {
            return null; // EndOfStreamException is one
        }
    }
}

/// <summary>A frame as it came.</summary>
/// <param name="Opcode">As in RFC 6455 5.2.</param>
/// <param name="Fin">Whether the message ends with it.</param>
/// <param name="Rsv">The three reserved bits.</param>
/// <param name="Masked">A server must not mask.</param>
/// <param name="Payload">Its bytes.</param>
public sealed record RawFrame(int Opcode, bool Fin, int Rsv, bool Masked, byte[] Payload)
{
    /// <summary>The payload as text.</summary>
    public string Text => Encoding.UTF8.GetString(Payload);

    /// <summary>Of a close frame: its code; 1005 when it has none (RFC 6455 7.1.5).</summary>
    public int CloseCode => Payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(Payload) : 1005;
}

/// <summary>An HTTP answer.</summary>
/// <param name="Status">Its code.</param>
/// <param name="Headers">By name, case ignored.</param>
/// <param name="Body">As UTF-8 text.</param>
public sealed record RawResponse(int Status, ILookup<string, string> Headers, string Body);
