using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>A clock that stands still, and shows what is waited for by it.</summary>
internal sealed class PausingTime : FakeTimeProvider
{
    private readonly ConcurrentQueue<TimeSpan> _waits = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(base.CreateTimer(callback, state, dueTime, period), Note);
        Note(dueTime);
        return timer;
    }

    /// <summary>Waits until somebody waits for a time that <paramref name="wanted"/> accepts, for the <paramref name="nth"/> time, and lets that pass.</summary>
    public async Task<TimeSpan> Pass(Func<TimeSpan, bool> wanted, int nth = 1)
    {
        await Until.True("a wait begins", () => _waits.Count(wanted) >= nth);
        var wait = _waits.Where(wanted).ElementAt(nth - 1);
        Advance(wait);
        return wait;
    }

    private void Note(TimeSpan dueTime)
    {
        if (dueTime > TimeSpan.Zero)
            _waits.Enqueue(dueTime);
    }

    private sealed class Timer(ITimer timer, Action<TimeSpan> note) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var changed = timer.Change(dueTime, period);
            note(dueTime);
            return changed;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
