using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// A connection's subscription to a pattern. Its channels are spread over all lanes, so it begins when the last lane has taken it in, and what
/// the others bring until then waits: nothing comes before the reply, and nothing is missing behind it.
/// </summary>
/// <param name="subscription">As the connection has it.</param>
/// <param name="pattern">The pattern.</param>
/// <param name="lanes">How many there are.</param>
internal sealed class PatternSubscription(Subscription subscription, ChannelPattern pattern, int lanes)
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _recovering = [.. subscription.Command!.Recoveries.Select(recovery => recovery.Channel)];
    private readonly List<Frame> _held = [];
    private int _joining = lanes;
    private int _leaving = lanes;
    private bool _hasLeft;
    private bool _isOpen;

    /// <summary>As the connection has it.</summary>
    public Subscription Subscription => subscription;

    /// <summary>Whose.</summary>
    public Connection Connection => subscription.Connection;

    /// <summary>The pattern.</summary>
    public ChannelPattern Pattern => pattern;

    /// <summary>Completes when it is on its way to the lanes (true) or has failed (false).</summary>
    public TaskCompletionSource<bool> Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether a lane has let it go: what is still on its way in comes too late.</summary>
    public bool HasLeft => Volatile.Read(ref _hasLeft);

    /// <summary>Whether the channel waits for its own recovery, which takes it in.</summary>
    public bool IsRecovering(string channel)
    {
        lock (_lock)
            return _recovering.Contains(channel);
    }

    /// <summary>The channel is taken in.</summary>
    public void Recovered(string channel)
    {
        lock (_lock)
            _recovering.Remove(channel);
    }

    /// <summary>One lane has taken it in; true for the last one.</summary>
    public bool LaneJoined() => Interlocked.Decrement(ref _joining) == 0;

    /// <summary>One lane has let it go; true for the last one.</summary>
    public bool LaneLeft()
    {
        Volatile.Write(ref _hasLeft, true);
        return Interlocked.Decrement(ref _leaving) == 0;
    }

    /// <summary>Sends the reply, and what waited for it.</summary>
    public void Open(Frame reply)
    {
        lock (_lock)
        {
            Connection.Send(reply);
            foreach (var frame in _held)
                Connection.Send(frame);
            _held.Clear();
            Volatile.Write(ref _isOpen, true);
        }
    }

    /// <summary>Sends a frame of one of its channels.</summary>
    public void Send(Frame frame)
    {
        if (!Volatile.Read(ref _isOpen))
        {
            lock (_lock)
            {
                if (!_isOpen)
                {
                    _held.Add(frame); // for as long as a lane takes to come round
                    return;
                }
            }
        }
        Connection.Send(frame);
    }
}
