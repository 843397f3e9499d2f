using System.Runtime.InteropServices;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>Batches that wait for a commit, in the order they came. Not thread-safe.</summary>
/// <param name="time">The silo's clock.</param>
internal sealed class CommitQueue(TimeProvider time)
{
    /// <summary>At most this many drafts wait (ARCHITECTURE, ChannelGrain).</summary>
    public const int MaxWaiting = 1000;

    /// <summary>Nobody waits longer than this for the commit to begin: a publisher has its answer within 2 s.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    // Of an entry besides the text in it: ids, times, framing; by measurement, rounded up.
    private const int EntryBytes = 160;

    private readonly Queue<Batch> _batches = new();
    private int _waiting;

    /// <summary>Whether nothing waits.</summary>
    public bool IsEmpty => _batches.Count == 0;

    /// <summary>Adds a batch; null when too many wait.</summary>
    public Task<PublishResult[]>? TryAdd(PublicationDraft[] drafts)
    {
        if (_waiting + drafts.Length > MaxWaiting && _waiting > 0)
            return null;
        var batch = new Batch(drafts, time.GetTimestamp());
        if (drafts.Length == 0)
            return Task.FromResult(batch.Results);
        _batches.Enqueue(batch);
        _waiting += drafts.Length;
        return batch.Answered.Task;
    }

    /// <summary>Takes what one commit can hold; at least one draft, unless all have waited too long.</summary>
    /// <param name="room">Bytes that fit beside what the tail holds.</param>
    /// <param name="roomOfAll">Bytes that fit a segment of its own.</param>
    /// <param name="more">Whether something is left that did not fit.</param>
    public CommitGroup Take(int room, int roomOfAll, out bool more)
    {
        var group = new CommitGroup();
        var bytes = 0;
        more = false;
        while (_batches.TryPeek(out var batch))
        {
            if (time.GetElapsedTime(batch.Since) > Patience)
            {
                Drop(PublishRefusal.NotAccepted);
                continue;
            }
            var draft = batch.Drafts[batch.Taken];
            var cost = CostOf(draft);
            if (group.Drafts.Count == 0 && cost > room)
                room = roomOfAll;
            if (group.Drafts.Count > 0 && bytes + cost > room)
            {
                more = true;
                break;
            }
            bytes += cost;
            group.Add(draft, batch, batch.Taken++);
            _waiting--;
            if (batch.Taken == batch.Drafts.Length)
                _batches.Dequeue();
        }
        return group;
    }

    /// <summary>Answers all that wait.</summary>
    public void RefuseAll(PublishRefusal refusal)
    {
        while (_batches.Count > 0)
            Drop(refusal);
    }

    private void Drop(PublishRefusal refusal)
    {
        var batch = _batches.Dequeue();
        _waiting -= batch.Drafts.Length - batch.Taken;
        while (batch.Taken < batch.Drafts.Length)
            batch.Answer(batch.Taken++, new PublishResult(refusal, null, default));
    }

    private static int CostOf(PublicationDraft draft)
    {
        var cost = EntryBytes + draft.Data.Length + ((draft.Event?.Length ?? 0) * 3) + ((draft.IdempotencyKey?.Length ?? 0) * 3);
        foreach (var tag in draft.Tags ?? [])
            cost += (tag.Length * 3) + 2;
        return cost;
    }

    /// <summary>One call's drafts; a commit may take only some of them.</summary>
    internal sealed class Batch(PublicationDraft[] drafts, long since)
    {
        private int _unanswered = drafts.Length;

        public PublicationDraft[] Drafts => drafts;

        public PublishResult[] Results { get; } = new PublishResult[drafts.Length];

        public long Since => since;

        public int Taken { get; set; }

        public TaskCompletionSource<PublishResult[]> Answered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer(int index, PublishResult result)
        {
            Results[index] = result;
            if (--_unanswered == 0)
                Answered.SetResult(Results);
        }
    }
}

/// <summary>What is committed together.</summary>
internal sealed class CommitGroup
{
    private readonly List<(CommitQueue.Batch Batch, int Index)> _places = [];

    /// <summary>In order.</summary>
    public List<PublicationDraft> Drafts { get; } = [];

    /// <summary>Adds a draft.</summary>
    public void Add(PublicationDraft draft, CommitQueue.Batch batch, int index)
    {
        Drafts.Add(draft);
        _places.Add((batch, index));
    }

    /// <summary>Answers each.</summary>
    public void Answer(PublishResult[] results)
    {
        for (var i = 0; i < results.Length; i++)
            _places[i].Batch.Answer(_places[i].Index, results[i]);
    }

    /// <summary>Answers all alike.</summary>
    public void Refuse(PublishRefusal refusal)
    {
        foreach (ref readonly var place in CollectionsMarshal.AsSpan(_places))
            place.Batch.Answer(place.Index, new PublishResult(refusal, null, default));
    }
}
