using OrleansNotify.Sqlite;

namespace OrleansNotify.Tests.Sqlite;

public sealed class GroupCommitTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<int[]> _commits = [];
    private readonly SemaphoreSlim _begun = new(0);
    private readonly SemaphoreSlim _mayGoOn = new(0);

    public void Dispose()
    {
        _begun.Dispose();
        _mayGoOn.Dispose();
    }

    [Fact]
    public async Task What_waits_during_a_commit_goes_into_the_next_one_together()
    {
        await using var group = new GroupCommit<int>(Gated, _ => 1);
        var first = group.Write(0, default);
        Assert.True(await _begun.WaitAsync(Patience));
        var others = Enumerable.Range(1, 63).Select(i => group.Write(i, default)).ToArray();

        _mayGoOn.Release(2);
        await Task.WhenAll([first, .. others]).WaitAsync(Patience);

        Assert.Equal([[0], [.. Enumerable.Range(1, 63)]], _commits);
    }

    [Fact]
    public async Task Nothing_is_acknowledged_before_its_commit_has_ended()
    {
        await using var group = new GroupCommit<int>(Gated, _ => 1);
        var write = group.Write(0, default);
        Assert.True(await _begun.WaitAsync(Patience));
        Assert.False(write.IsCompleted);
        _mayGoOn.Release();
        await write.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_group_has_a_limit_in_bytes()
    {
        await using var group = new GroupCommit<int>(Gated, _ => 3 << 20);
        var writes = new List<Task> { group.Write(0, default) };
        Assert.True(await _begun.WaitAsync(Patience));
        writes.AddRange(Enumerable.Range(1, 4).Select(i => group.Write(i, default)));
        _mayGoOn.Release(3);
        await Task.WhenAll(writes).WaitAsync(Patience);
        Assert.Equal([[0], [1, 2, 3], [4]], _commits); // full once it is past 8 MiB
    }

    [Fact]
    public async Task A_commit_that_fails_fails_its_writers_and_nobody_else()
    {
        await using var group = new GroupCommit<int>(items => { Gated(items); if (items.Contains(1)) throw new IOException("disk full"); }, _ => 1);
        var first = group.Write(0, default);
        Assert.True(await _begun.WaitAsync(Patience));
        var second = group.Write(1, default);
        var third = group.Write(2, default);
        _mayGoOn.Release(3);
        await first.WaitAsync(Patience);
        Assert.Equal("disk full", (await Assert.ThrowsAsync<IOException>(() => second.WaitAsync(Patience))).Message);
        await Assert.ThrowsAsync<IOException>(() => third.WaitAsync(Patience));
        await group.Write(3, default).WaitAsync(Patience);
    }

    [Fact]
    public async Task Who_has_left_before_the_commit_is_not_written()
    {
        await using var group = new GroupCommit<int>(Gated, _ => 1);
        using var leaving = new CancellationTokenSource();
        var first = group.Write(0, default);
        Assert.True(await _begun.WaitAsync(Patience));
        var left = group.Write(1, leaving.Token);
        var stays = group.Write(2, default);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left.WaitAsync(Patience));
        _mayGoOn.Release(2);
        await Task.WhenAll(first, stays).WaitAsync(Patience);
        Assert.Equal([[0], [2]], _commits);
    }

    [Fact]
    public async Task Closing_commits_what_waits()
    {
        var group = new GroupCommit<int>(Gated, _ => 1);
        var first = group.Write(0, default);
        Assert.True(await _begun.WaitAsync(Patience));
        var second = group.Write(1, default);
        _mayGoOn.Release(2);
        await group.DisposeAsync().AsTask().WaitAsync(Patience);
        await Task.WhenAll(first, second).WaitAsync(Patience);
    }

    private void Gated(IReadOnlyList<int> items)
    {
        _commits.Add([.. items]);
        _begun.Release();
        Assert.True(_mayGoOn.Wait(Patience));
    }
}
