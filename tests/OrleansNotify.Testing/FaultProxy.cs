using System.Net;
using System.Net.Sockets;

namespace OrleansNotify.Testing;

/// <summary>Stands between a client and a server and misbehaves on demand: cuts, stalls or refuses connections.</summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly int _target;
    private readonly Lock _gate = new();
    private readonly HashSet<Pair> _pairs = [];
    private TcpListener? _listener;
    private TaskCompletionSource _flowing = Flowing();
    private int _accepted;

    /// <summary>Forwards a free loopback port to <paramref name="targetPort"/> from now on.</summary>
    public FaultProxy(int targetPort)
    {
        _target = targetPort;
        Accept();
    }

    /// <summary>Where clients connect to.</summary>
    public int Port { get; } = Ports.Free();

    /// <summary>Connections accepted since the beginning.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Connections forwarded now.</summary>
    public int Open
    {
        get
        {
            lock (_gate)
                return _pairs.Count;
        }
    }

    /// <summary>Resets every connection (both sides see a TCP reset). New ones are accepted as before.</summary>
    public void Cut()
    {
        Pair[] pairs;
        lock (_gate)
        {
            pairs = [.. _pairs];
            _pairs.Clear();
        }

        foreach (var pair in pairs)
            pair.Reset();
    }

    /// <summary>New connections are refused until <see cref="Accept"/>; existing ones go on.</summary>
    public void Refuse()
    {
        lock (_gate)
        {
            _listener?.Dispose();
            _listener = null;
        }
    }

    /// <summary>Ends <see cref="Refuse"/>. Without effect when connections are accepted.</summary>
    public void Accept()
    {
        lock (_gate)
        {
            if (_listener is not null)
                return;
            _listener = new TcpListener(IPAddress.Loopback, Port);
            _listener.Start();
            _ = AcceptLoop(_listener);
        }
    }

    /// <summary>Holds all bytes back, in both directions and of new connections too, until <see cref="Resume"/>. Nobody is told.</summary>
    public void Stall()
    {
        lock (_gate)
        {
            if (_flowing.Task.IsCompleted)
                _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Ends <see cref="Stall"/>; what was held back goes out.</summary>
    public void Resume()
    {
        lock (_gate)
            _flowing.TrySetResult();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Refuse();
        Cut();
        Resume();
        return ValueTask.CompletedTask;
    }

    private static TaskCompletionSource Flowing()
    {
        var flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        flowing.SetResult();
        return flowing;
    }

    private async Task AcceptLoop(TcpListener listener)
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptSocketAsync();
            }
            catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _accepted);
            _ = Serve(client);
        }
    }

    private async Task Serve(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        var pair = new Pair(client, server);
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _target);
            lock (_gate)
                _pairs.Add(pair);
            var up = Copy(client, server);
            var down = Copy(server, client);
            if ((await Task.WhenAny(up, down)).IsFaulted)
                pair.Reset(); // one side was reset: so is the other, as behind a real middlebox
            await Task.WhenAll(up, down);
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // Both ends are closed below.
        }
        finally
        {
            lock (_gate)
                _pairs.Remove(pair);
            pair.Reset();
        }
    }

    private async Task Copy(Socket from, Socket to)
    {
        var buffer = new byte[16 << 10];
        while (true)
        {
            var count = await from.ReceiveAsync(buffer);
            Task flowing;
            lock (_gate)
                flowing = _flowing.Task;
            await flowing;
            if (count == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            for (var sent = 0; sent < count;)
                sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
        }
    }

    private sealed record Pair(Socket Client, Socket Server)
    {
        public void Reset()
        {
            foreach (var socket in (Socket[])[Client, Server])
                socket.Close(0); // linger 0: a reset, not an orderly end
        }
    }
}
