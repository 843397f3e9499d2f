using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using OrleansNotify.AspNetCore.Transports.WebSocket;

namespace OrleansNotify.Tests.Transports.WebSocket;

public sealed class UpgradedSinkTests
{
    [Fact]
    public void A_sink_can_be_aborted_when_its_request_has_ended()
    {
        var lifetime = new Lifetime();
        var context = new DefaultHttpContext();
        context.Features.Set<IConnectionLifetimeFeature>(lifetime);
        var sink = new UpgradedSink(context.Features, Stream.Null, PipeReader.Create(Stream.Null), TimeProvider.System);

        context.Uninitialize(); // as the server does at the end of a request
        sink.Abort();

        Assert.Equal(1, lifetime.Aborts);
    }

    private sealed class Lifetime : IConnectionLifetimeFeature
    {
        public CancellationToken ConnectionClosed { get; set; }

        public int Aborts { get; private set; }

        public void Abort() => Aborts++;
    }
}
