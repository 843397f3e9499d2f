using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>One WebSocket connection, subscribed to its channels: handshake, script, then whatever comes goes to the generator.</summary>
internal sealed class Subscriber : IReadable, IFrameReceiver, IDisposable
{
    // RFC 6455 1.3: the example key and its answer.
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==", Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    private const int SourceAddresses = 8; // each with ports of its own: those of connections that ended a minute ago are not free yet

    private readonly Run _run;
    private readonly Socket _socket;
    private readonly FrameAssembler _frames = new();
    private StringBuilder? _head = new();
    private int _step = -1; // of the script, whose last step is done for each channel; -1: the handshake
    private int _subscribed; // channels
    private bool _isOpen = true;

    public Subscriber(Run run, int index)
    {
        (_run, Index) = (run, index);
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        if (index < run.Work.Deaf)
            _socket.ReceiveBufferSize = 8 << 10; // or the kernel would take for it, for a long time, what it does not read
        _socket.Bind(new IPEndPoint(new IPAddress([127, 0, 0, (byte)(1 + index % SourceAddresses)]), 0));
        _socket.Connect(IPAddress.Loopback, run.Target.Port); // loopback: at once, while fewer are under way than the server lets wait
        _socket.Blocking = false;
        run.Loop.Add(_socket, this);
        Send(Encoding.ASCII.GetBytes($"GET {run.Dialect.Path} HTTP/1.1\r\nHost: 127.0.0.1:{run.Target.Port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {Key}\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>The number of one of its channels, counted from 0.</summary>
    public int ChannelOf(int own) => (int)(((long)Index * _run.Work.ChannelsEach + own) % _run.Work.Channels);

    /// <summary>Which of its channels, counted from 0, this one is; at or above <see cref="Workload.ChannelsEach"/>: none.</summary>
    public int OwnOf(int channel) => (channel - ChannelOf(0) + _run.Work.Channels) % _run.Work.Channels;

    /// <summary>Whether its subscription has been confirmed.</summary>
    public bool IsReady { get; private set; }

    /// <inheritdoc/>
    public void Readable()
    {
        if (!_isOpen)
            return;
        var count = _socket.Receive(_run.Buffer, SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return;
        if (count <= 0)
        {
            End();
            return;
        }
        var received = _run.Buffer.AsSpan(0, count);
        if (_head is null)
            _frames.Feed(received, this);
        else
            Handshake(received);
    }

    /// <inheritdoc/>
    public void Receive(byte opcode, ReadOnlySpan<byte> payload)
    {
        switch (opcode)
        {
            case 8:
                End();
                break;
            case 9:
                SendFrame(10, payload);
                break;
            case not 10 when IsReady:
                _run.Deliver(this, payload);
                break;
            case not 10:
                if (payload.IndexOf(Encoding.UTF8.GetBytes(_run.Dialect.Script[_step].Expect)) >= 0)
                    Done();
                break;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOpen = false;
        _socket.Dispose();
    }

    private void Handshake(ReadOnlySpan<byte> received)
    {
        var end = received.IndexOf("\r\n\r\n"u8);
        _head!.Append(Encoding.ASCII.GetString(end < 0 ? received : received[..end]));
        if (end < 0)
            return;
        var head = _head.ToString();
        if (!head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) || !head.Contains(Accept, StringComparison.Ordinal))
            throw new InvalidOperationException($"The server refused a WebSocket at {_run.Dialect.Path}: {head.Split('\r')[0]}");
        _head = null;
        _step = 0;
        Next();
        _frames.Feed(received[(end + 4)..], this);
    }

    private void Done()
    {
        if (_step < _run.Dialect.Script.Length - 1)
            _step++;
        else
            _subscribed++;
        Next();
    }

    private void Next()
    {
        if (_subscribed < _run.Work.ChannelsEach)
        {
            SendFrame(1, Encoding.UTF8.GetBytes(_run.Dialect.Script[_step].Send.Replace("{channel}", _run.NameOf(ChannelOf(_subscribed)), StringComparison.Ordinal)));
            return;
        }
        IsReady = true;
        if (Index < _run.Work.Deaf)
            _run.Loop.Remove(_socket);
        _run.Ready(this);
    }

    private void SendFrame(byte opcode, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > 125)
            throw new InvalidOperationException($"The generator sends frames of at most 125 bytes; this one has {payload.Length}.");
        Span<byte> frame = stackalloc byte[6 + payload.Length];
        (frame[0], frame[1]) = ((byte)(0x80 | opcode), (byte)(0x80 | payload.Length));
        frame[2..6].Clear(); // a mask of zeros is a mask
        payload.CopyTo(frame[6..]);
        Send(frame);
    }

    // So little, and so seldom, that the socket takes it whole.
    private void Send(ReadOnlySpan<byte> bytes)
    {
        if (_socket.Send(bytes, SocketFlags.None, out var error) != bytes.Length)
            throw new InvalidOperationException($"A subscriber could not send {bytes.Length} bytes: {error}.");
    }

    private void End()
    {
        if (!_isOpen)
            return;
        Dispose();
        _run.Ended(this);
    }
}
