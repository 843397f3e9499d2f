using System.Buffers;
using System.IO.Pipelines;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// What .NET's WebSocket reads from and answers into: it parses and checks all that comes in (RFC 6455), while what it wants to send (pongs, close
/// frames for protocol errors) goes through the session's outbox, in order with everything else.
/// </summary>
/// <param name="input">What the client sends.</param>
/// <param name="sink">Is told that the client was heard.</param>
/// <param name="isUpgrading">Whether the 101 was sent just now, and nobody has looked yet whether the client waited for it.</param>
internal sealed class InboundStream(PipeReader input, UpgradedSink sink, bool isUpgrading) : Stream
{
    private Task<ReadResult>? _first = isUpgrading ? First(input, sink) : null;

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
        var result = _first is { } first ? await first : await input.ReadAsync(cancellationToken);
        _first = null;
        if (result.IsCanceled)
            throw new OperationCanceledException("The client did not answer our farewell.");
        sink.Heard();
        Session?.Heard();
        var count = (int)Math.Min(buffer.Length, result.Buffer.Length);
        var taken = result.Buffer.Slice(0, count);
        taken.CopyTo(buffer.Span);
        input.AdvanceTo(taken.End); // gives up the buffer; the rest is not examined: the next read completes at once
        return count;
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

    // What is there already did not wait for the 101.
    private static Task<ReadResult> First(PipeReader input, UpgradedSink sink)
    {
        var reading = input.ReadAsync();
        if (reading.IsCompleted)
            sink.HeardTooEarly();
        return reading.AsTask();
    }
}
