using Microsoft.Extensions.Logging;

namespace OrleansNotify.Grains.Patterns;

/// <summary>
/// The patterns that this silo's front-end wants, and the telling of them to every silo. What is asked for while a round of telling is under way goes
/// with the next one, so a storm of subscribers costs each silo a few calls.
/// </summary>
internal sealed partial class OwnPatterns(IGrainFactory grains, PatternSilos silos, ILocalSiloDetails self, TimeProvider time, ILogger<OwnPatterns> logger) : IOwnPatterns
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _wanted = new(StringComparer.Ordinal);
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private readonly HashSet<SiloAddress> _followers = [];
    private TaskCompletionSource _nextRound = New();
    private long _number;
    private bool _isTelling;
    private bool _isPromised; // another round, to whoever came while one was under way

    /// <inheritdoc />
    public Task Add(string pattern)
    {
        lock (_lock)
        {
            var count = _wanted.GetValueOrDefault(pattern);
            _wanted[pattern] = count + 1;
            // Told, and no round under way: nobody has yet to hear of it.
            if (count > 0 && !_isTelling && _told.Contains(pattern))
                return Task.CompletedTask;
            _isPromised = true;
            Start();
            return _nextRound.Task;
        }
    }

    /// <inheritdoc />
    public void Remove(string pattern)
    {
        lock (_lock)
        {
            if (!_wanted.TryGetValue(pattern, out var count))
                return;
            if (count > 1)
            {
                _wanted[pattern] = count - 1;
                return;
            }
            _wanted.Remove(pattern);
            _isPromised = true;
            Start();
        }
    }

    /// <summary>What has been told so far; the follower is told all that comes.</summary>
    public FrontEndPatterns Follow(SiloAddress follower)
    {
        lock (_lock)
        {
            _followers.Add(follower);
            return new FrontEndPatterns(_number, [.. _told]);
        }
    }

    private void Start()
    {
        if (_isTelling)
            return;
        _isTelling = true;
        _ = Task.Run(Tell);
    }

    private async Task Tell()
    {
        while (true)
        {
            string[] added, removed;
            TaskCompletionSource round;
            Task[] telling;
            lock (_lock)
            {
                added = [.. _wanted.Keys.Where(pattern => !_told.Contains(pattern))];
                removed = [.. _told.Where(pattern => !_wanted.ContainsKey(pattern))];
                (round, _nextRound) = (_nextRound, New());
                _isPromised = false;
                if (added.Length > 0 || removed.Length > 0)
                    _number++;
                _told.UnionWith(added);
                _told.ExceptWith(removed);
                // All that are active; and those that asked, of whom the membership known here may not tell yet.
                _followers.RemoveWhere(silos.IsDead);
                telling = [.. silos.Current.Union(_followers).Select(silo => Tell(silo, _number, added, removed))];
            }
            await Task.WhenAll(telling);
            round.SetResult();
            lock (_lock)
            {
                if (!_isPromised)
                {
                    _isTelling = false;
                    return;
                }
            }
        }
    }

    // Until it knows, or is dead: a channel there must not be missed.
    private async Task Tell(SiloAddress silo, long number, string[] added, string[] removed)
    {
        var mayChange = true;
        while (true)
        {
            try
            {
                var grain = grains.GetGrain<IPatternsGrain>(silo.ToParsableString());
                if (mayChange && await grain.Change(self.SiloAddress, number, added, removed).AsTask().WaitAsync(Deadline, time))
                    return;
                mayChange = false;
                FrontEndPatterns all;
                lock (_lock)
                    all = new FrontEndPatterns(number, [.. _told]);
                await grain.Replace(self.SiloAddress, all).AsTask().WaitAsync(Deadline, time);
                return;
            }
            catch (Exception exception)
            {
                LogNotTold(silo, exception);
                await Task.Delay(Pause, time);
                if (await silos.IsOut(silo))
                    return;
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(4001, LogLevel.Debug, "{Silo} could not be told of patterns; again until it knows or is dead.")]
    private partial void LogNotTold(SiloAddress silo, Exception exception);
}
