using System.Threading.Tasks.Sources;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>A draft whose publisher waits for the answer.</summary>
internal sealed class PendingPublication(PublicationDraft draft, long since) : IValueTaskSource<PublishResult>
{
    private ManualResetValueTaskSourceCore<PublishResult> _answer;

    /// <summary>The draft.</summary>
    public PublicationDraft Draft => draft;

    /// <summary>Timestamp of the publish.</summary>
    public long Since => since;

    /// <summary>The next one that waits in the same lane.</summary>
    public PendingPublication? Next { get; set; }

    /// <summary>The answer to come; await it once.</summary>
    public ValueTask<PublishResult> Answer => new(this, _answer.Version);

    /// <summary>Answers; once.</summary>
    /// <param name="result">The answer.</param>
    /// <param name="inline">Whether the publisher goes on within this call, rather than on a thread of its own.</param>
    public void Complete(PublishResult result, bool inline)
    {
        _answer.RunContinuationsAsynchronously = !inline;
        _answer.SetResult(result);
    }

    PublishResult IValueTaskSource<PublishResult>.GetResult(short token) => _answer.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<PublishResult>.GetStatus(short token) => _answer.GetStatus(token);

    void IValueTaskSource<PublishResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _answer.OnCompleted(continuation, state, token, flags);
}
