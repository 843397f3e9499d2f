using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OrleansNotify.AspNetCore.Delivery;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary>Writes an outbox into a response that does not end.</summary>
internal sealed class SseSink(HttpContext context, SsePositions positions) : IFrameSink
{
    // Taken while the request is under way: a write that fails on another thread may want them when it has just ended, and its context is no more.
    private readonly IHttpRequestLifetimeFeature _lifetime = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
    private readonly PipeWriter _body = context.Response.BodyWriter;

    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when our farewell is out.</summary>
    public Task Closed => _closed.Task;

    /// <inheritdoc />
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        positions.Copy(bytes.Span, _body);
        if ((await _body.FlushAsync().ConfigureAwait(false)).IsCompleted)
            throw new IOException("The client has gone.");
    }

    /// <inheritdoc />
    public void Close() => _closed.TrySetResult();

    /// <inheritdoc />
    public void Abort() => _lifetime.Abort();
}
