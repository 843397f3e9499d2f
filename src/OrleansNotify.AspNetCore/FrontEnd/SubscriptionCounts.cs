using System.Runtime.InteropServices;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>How many connections this silo has, and how many subscriptions on which channel; exact at every moment. Thread-safe.</summary>
public sealed class SubscriptionCounts
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _channels = new(StringComparer.Ordinal);
    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);
    private TaskCompletionSource _change = NewChange();
    private int _connections;
    private long _subscriptions;
    private bool _isChanged;

    /// <summary>Connections now.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Subscriptions now, those to '@' and '#' channels included.</summary>
    public long Subscriptions => Volatile.Read(ref _subscriptions);

    /// <summary>Completes when something has changed that no <see cref="TakeChanges"/> or <see cref="TakeAll"/> has taken.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
                return _change.Task;
        }
    }

    /// <summary>A connection was accepted.</summary>
    public void Connected()
    {
        lock (_lock)
        {
            _connections++;
            SetChanged();
        }
    }

    /// <summary>A connection has ended. Its subscriptions are counted out one by one by <see cref="Unsubscribed"/>.</summary>
    public void Disconnected()
    {
        lock (_lock)
        {
            _connections--;
            SetChanged();
        }
    }

    /// <summary>One more subscription; '@' and '#' channels are not counted per channel.</summary>
    public void Subscribed(string channel)
    {
        lock (_lock)
        {
            _subscriptions++;
            Add(channel, 1);
        }
    }

    /// <summary>One subscription less.</summary>
    public void Unsubscribed(string channel)
    {
        lock (_lock)
        {
            _subscriptions--;
            Add(channel, -1);
        }
    }

    /// <summary>Subscriptions to a channel now.</summary>
    public int Of(string channel)
    {
        lock (_lock)
            return _channels.GetValueOrDefault(channel);
    }

    /// <summary>What has changed since the last take: channel → subscriptions now, 0 for none left; and the connections of that moment.</summary>
    internal (int Connections, Dictionary<string, int> Channels) TakeChanges()
    {
        lock (_lock)
        {
            var changes = new Dictionary<string, int>(_changed.Count, StringComparer.Ordinal);
            foreach (var channel in _changed)
                changes[channel] = _channels.GetValueOrDefault(channel);
            SetTaken();
            return (_connections, changes);
        }
    }

    /// <summary>All there is: channel → subscriptions; and the connections of that moment.</summary>
    internal (int Connections, Dictionary<string, int> Channels) TakeAll()
    {
        lock (_lock)
        {
            SetTaken();
            return (_connections, All());
        }
    }

    /// <summary>As <see cref="TakeAll"/>, without taking.</summary>
    internal (int Connections, Dictionary<string, int> Channels) Peek()
    {
        lock (_lock)
            return (_connections, All());
    }

    private Dictionary<string, int> All() => new(_channels, StringComparer.Ordinal);

    private void Add(string channel, int by)
    {
        if (ChannelName.IsUnlisted(channel))
            return;
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_channels, channel, out _);
        count += by;
        if (count == 0)
            _channels.Remove(channel);
        _changed.Add(channel);
        SetChanged();
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void SetChanged()
    {
        if (_isChanged)
            return;
        _isChanged = true;
        _change.TrySetResult();
    }

    private void SetTaken()
    {
        _changed.Clear();
        if (!_isChanged)
            return;
        _isChanged = false;
        _change = NewChange();
    }
}
