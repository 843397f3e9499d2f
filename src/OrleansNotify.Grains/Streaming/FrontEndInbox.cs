using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace OrleansNotify.Grains.Streaming;

/// <summary>Where this silo's stream ends: hands each envelope to the in-process <see cref="IFrontEnd"/>.</summary>
internal sealed partial class FrontEndInbox(IServiceProvider services, ILogger<FrontEndInbox> logger)
{
    // Looked for when the first event comes: the front-end stands on what writes here.
    private readonly Lazy<IFrontEnd?> _frontEnd = new(services.GetService<IFrontEnd>);

    // Two activations of the front-end's grain can exist for a moment, and each takes turns of its own.
    private readonly Lock _oneAtATime = new();

    /// <summary>Hands over what an agent delivered, one envelope at a time.</summary>
    public void Deliver(EnvelopeBatch batch)
    {
        if (_frontEnd.Value is not { } frontEnd)
            return;
        lock (_oneAtATime)
        {
            var items = batch.Items;
            for (var i = 0; i < items.Length; i++)
            {
                try
                {
                    frontEnd.Receive(items[i], i + 1 < items.Length);
                }
                catch (Exception problem)
                {
                    // Receive must not throw. If it does, failing the batch would deliver all of it again for seconds: repair is cheaper.
                    LogReceiveFailed(problem);
                }
            }
        }
    }

    /// <summary>Hands over what a grain of this silo has just written, on its thread.</summary>
    public void DeliverLocal(StreamEnvelope envelope)
    {
        try
        {
            _frontEnd.Value?.ReceiveLocal(envelope);
        }
        catch (Exception problem)
        {
            LogReceiveFailed(problem);
        }
    }

    [LoggerMessage(1007, LogLevel.Error, "The front-end threw on an event of its stream; the event is lost to it until gap repair.")]
    private partial void LogReceiveFailed(Exception problem);
}
