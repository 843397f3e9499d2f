using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// Lets an upgraded connection leave HTTP behind. The handshake is an ordinary request, through all middleware; once its 101 is out the request ends,
/// and the session goes on with the bare connection, around which this stands as connection middleware. What HTTP/1.1 keeps for a request under way
/// (headers, context, streams, state machines: half of what an idle connection weighs) becomes free.
/// </summary>
internal sealed class HandOver : IDuplexPipe, IConnectionHeartbeatFeature
{
    private readonly IConnectionHeartbeatFeature? _heart;
    private List<(Action<object> Action, object State)>? _beats = [];
    private Func<ConnectionContext, Task>? _session;

    private HandOver(IDuplexPipe transport, IConnectionHeartbeatFeature? heart)
    {
        (Transport, _heart) = (transport, heart);
        Input = new KeptReader(this, transport.Input);
        Output = new KeptWriter(this, transport.Output);
        _heart?.OnHeartbeat(static state => ((HandOver)state).Beat(), this);
    }

    /// <summary>The bare connection's. Not HTTP's before the request has ended.</summary>
    public IDuplexPipe Transport { get; }

    /// <inheritdoc />
    public PipeReader Input { get; }

    /// <inheritdoc />
    public PipeWriter Output { get; }

    /// <summary>Whether the client has sent something that nobody has read. Ask only while no read is under way.</summary>
    public bool HasUnread()
    {
        try
        {
            if (!Transport.Input.TryRead(out var result))
                return false;
            Transport.Input.AdvanceTo(result.Buffer.Start); // not examined: the next read completes at once
            return true;
        }
        catch (IOException)
        {
            return false; // the client has gone: the session finds out with its first read
        }
    }

    /// <summary>The connection middleware.</summary>
    public static async Task Run(ConnectionContext connection, ConnectionDelegate http)
    {
        if (await Http(connection, http) is { } session)
            await session(connection);
    }

    /// <summary>What goes on when the request has ended. Call it once, behind the 101.</summary>
    /// <param name="session">Ends with the connection.</param>
    public void Take(Func<ConnectionContext, Task> session) => _session = session;

    /// <inheritdoc />
    public void OnHeartbeat(Action<object> action, object state) => _beats?.Add((action, state));

    // A method of its own, so that nothing of HTTP lives in the state of the one that goes on.
    private static async Task<Func<ConnectionContext, Task>?> Http(ConnectionContext connection, ConnectionDelegate http)
    {
        var heart = connection.Features.Get<IConnectionHeartbeatFeature>();
        var handOver = new HandOver(connection.Transport, heart);
        connection.Transport = handOver;
        connection.Features.Set(handOver);
        connection.Features.Set<IConnectionHeartbeatFeature>(handOver);
        await http(connection);
        connection.Transport = handOver.Transport;
        connection.Features.Set<HandOver>(null);
        connection.Features.Set(heart);
        // Kestrel's heart goes on beating for as long as the connection lives: it must not hold on to HTTP.
        handOver._beats = null;
        (var session, handOver._session) = (handOver._session, null);
        return session;
    }

    private void Beat()
    {
        if (_beats is not { } beats)
            return;
        for (var i = 0; i < beats.Count; i++)
            beats[i].Action(beats[i].State);
    }

    // HTTP completes its ends when it is done with a connection. One that is taken over stays open.
    private sealed class KeptReader(HandOver owner, PipeReader inner) : PipeReader
    {
        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => inner.ReadAsync(cancellationToken);

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

        public override void Complete(Exception? exception = null)
        {
            if (owner._session is null)
                inner.Complete(exception);
        }
    }

    private sealed class KeptWriter(HandOver owner, PipeWriter inner) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) => inner.WriteAsync(source, cancellationToken);

        public override void Complete(Exception? exception = null)
        {
            if (owner._session is null)
                inner.Complete(exception);
        }
    }
}
