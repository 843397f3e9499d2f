using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Orleans.Storage;

namespace OrleansNotify.Tests.Channels.Durable;

/// <summary>A store that a test can take away, hold up, or set back. Keeps what JSON keeps, as most stores do.</summary>
internal sealed class TestStore : IGrainStorage
{
    private readonly ConcurrentDictionary<(GrainId Grain, string State), (string ETag, byte[] Json)> _records = new();
    private long _etags;

    /// <summary>Called before a write is done; what it throws is the write's answer.</summary>
    public Func<string, Task> BeforeWrite { get; set; } = _ => Task.CompletedTask;

    /// <summary>Called after a write has been done: an exception is an answer that got lost.</summary>
    public Func<string, Task> AfterWrite { get; set; } = _ => Task.CompletedTask;

    /// <summary>Called before a read.</summary>
    public Func<string, Task> BeforeRead { get; set; } = _ => Task.CompletedTask;

    /// <summary>State names of the writes done, in order.</summary>
    public ConcurrentQueue<string> Writes { get; } = new();

    public int LargestWrite { get; private set; }

    public IEnumerable<string> Records => _records.Keys.Select(k => k.State).Order(StringComparer.Ordinal);

    public KeyValuePair<(GrainId, string), (string, byte[])>[] Save() => [.. _records];

    public void Restore(KeyValuePair<(GrainId, string), (string, byte[])>[] saved)
    {
        _records.Clear();
        foreach (var (key, value) in saved)
            _records[key] = value;
    }

    public void GoAway()
    {
        BeforeWrite = static _ => throw new IOException("away");
        BeforeRead = static _ => throw new IOException("away");
    }

    public void ComeBack()
    {
        BeforeWrite = static _ => Task.CompletedTask;
        BeforeRead = static _ => Task.CompletedTask;
    }

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await BeforeRead(stateName);
        if (_records.TryGetValue((grainId, stateName), out var record))
            (grainState.State, grainState.ETag, grainState.RecordExists) = (JsonSerializer.Deserialize<T>(record.Json)!, record.ETag, true);
        else
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null!, false);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(grainState.State);
        var etag = grainState.ETag;
        await BeforeWrite(stateName);
        var record = (Interlocked.Increment(ref _etags).ToString(CultureInfo.InvariantCulture), json);
        lock (_records)
        {
            var isThere = _records.TryGetValue((grainId, stateName), out var stored);
            if (isThere ? stored.ETag != etag : etag is not null)
                throw new InconsistentStateException("conflict", stored.ETag ?? "", etag ?? "");
            _records[(grainId, stateName)] = record;
            LargestWrite = Math.Max(LargestWrite, json.Length);
        }
        Writes.Enqueue(stateName);
        await AfterWrite(stateName);
        (grainState.ETag, grainState.RecordExists) = (record.Item1, true);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (_records)
        {
            if (_records.TryGetValue((grainId, stateName), out var stored) && stored.ETag != grainState.ETag)
                throw new InconsistentStateException("conflict", stored.ETag, grainState.ETag);
            _records.TryRemove((grainId, stateName), out _);
        }
        return Task.CompletedTask;
    }
}
