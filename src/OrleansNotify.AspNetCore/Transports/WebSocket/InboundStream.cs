using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// What .NET's WebSocket reads from and answers into: it parses and checks all that comes in (RFC 6455), while what it wants to send (pongs, close
/// frames for protocol errors) goes through the session's outbox, in order with everything else.
/// </summary>
/// <param name="upgraded">What the client sends.</param>
/// <param name="sink">Is told that the client was heard.</param>
/// <param name="firstBytes">A read of no bytes that has been under way from the moment of the upgrade: the first read waits for it; null: none is.</param>
internal sealed class InboundStream(Stream upgraded, UpgradedSink sink, Task<int>? firstBytes) : Stream
{
    private Task<int>? _firstBytes = firstBytes;

    /// <summary>Set once the session has begun; nothing is read before.</summary>
    public INotifySession? Session { get; set; }

    /// <summary>The close frame with which the parser ended the connection for a protocol error; null otherwise.</summary>
    public Frame? Farewell { get; private set; }

    /// <inheritdoc />
    public override bool CanRead => true;

    /// <inheritdoc />
    public override bool CanSeek => false;

    /// <inheritdoc />
    public override bool CanWrite => true;

    /// <inheritdoc />
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc />
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_firstBytes is { } firstBytes)
        {
            _firstBytes = null;
            await firstBytes;
        }
        var read = await upgraded.ReadAsync(buffer, cancellationToken);
        sink.Heard();
        Session?.Heard();
        return read;
    }

    /// <summary>Begins to read no bytes, which completes when there are some. Those that are there already did not wait for the 101.</summary>
    public static Task<int> FirstBytes(Stream upgraded, UpgradedSink sink)
    {
        var reading = upgraded.ReadAsync(Memory<byte>.Empty).AsTask();
        if (reading.IsCompleted)
            sink.HeardTooEarly();
        return reading;
    }

    /// <inheritdoc />
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // The parser sends whole frames, one a call.
        var frame = new Frame(buffer.ToArray());
        if ((buffer.Span[0] & 0x0F) == WebSocketFrames.Close)
            Farewell = frame;
        else
            Session?.Send(frame);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override void Flush()
    {
    }

    /// <inheritdoc />
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();
}
