using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>One keep-alive HTTP/1.1 connection that posts, with one request at a time.</summary>
internal sealed class Publisher : IReadable, IDisposable
{
    private readonly Run _run;
    private readonly Socket _socket;
    private readonly uint[] _sequences;
    private byte[] _answer = new byte[4096];
    private int _count;
    private long _sentAt;

    public Publisher(Run run, int index)
    {
        (_run, Index) = (run, index);
        _sequences = new uint[run.Work.Channels];
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        _socket.Connect(IPAddress.Loopback, run.Target.PublishPort);
        _socket.Blocking = false;
        run.Loop.Add(_socket, this);
    }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>The number of its next publication on a channel.</summary>
    public uint NextOn(int channel) => ++_sequences[channel];

    /// <summary>Sends one request.</summary>
    public void Send(ReadOnlySpan<byte> request, long now)
    {
        _sentAt = now;
        while (!request.IsEmpty)
        {
            var sent = _socket.Send(request, SocketFlags.None, out var error);
            if (error is not (SocketError.Success or SocketError.WouldBlock))
                throw new InvalidOperationException($"A publisher could not send: {error}.");
            request = request[Math.Max(0, sent)..]; // nothing else of ours is in the socket's buffer: it does not block for long
        }
    }

    /// <inheritdoc/>
    public void Readable()
    {
        if (_count == _answer.Length)
            Array.Resize(ref _answer, _answer.Length * 2);
        var count = _socket.Receive(_answer.AsSpan(_count), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return;
        if (count <= 0)
            throw new InvalidOperationException($"The server ended a publisher's connection: {error}.");
        _count += count;
        if (TryAnswer(_answer.AsSpan(0, _count), out var status))
        {
            _count = 0;
            _run.Answer(this, status is >= 200 and < 300, _sentAt);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static bool TryAnswer(ReadOnlySpan<byte> answer, out int status)
    {
        status = 0;
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return false;
        _ = Utf8Parser.TryParse(answer["HTTP/1.1 ".Length..], out status, out _);
        var head = answer[..end];
        var field = head.IndexOf("Content-Length: "u8);
        if (field < 0 || !Utf8Parser.TryParse(head[(field + "Content-Length: ".Length)..], out int length, out _))
            throw new InvalidOperationException($"An answer without Content-Length: {Encoding.ASCII.GetString(head)}");
        return answer.Length >= end + 4 + length;
    }
}
