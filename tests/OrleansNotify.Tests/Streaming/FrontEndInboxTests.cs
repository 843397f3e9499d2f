using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Tests.Streaming;

public class FrontEndInboxTests
{
    [Fact]
    public void A_front_end_that_throws_on_one_event_still_gets_the_others_of_the_delivery()
    {
        var frontEnd = new ThrowingOn(2);
        using var services = new ServiceCollection().AddSingleton<IFrontEnd>(frontEnd).BuildServiceProvider();
        var inbox = new FrontEndInbox(services, NullLogger<FrontEndInbox>.Instance);

        inbox.Deliver(new EnvelopeBatch(default, 1, [.. Envelopes.Numbers(1, 3).Select(number => Envelopes.Of("w", number))]));

        Assert.Equal([1UL, 3], frontEnd.Received);
    }

    [Fact]
    public void A_silo_without_front_end_drops_what_it_gets()
    {
        using var services = new ServiceCollection().BuildServiceProvider();
        new FrontEndInbox(services, NullLogger<FrontEndInbox>.Instance).Deliver(new EnvelopeBatch(default, 1, [Envelopes.Of("w", 1)]));
    }

    private sealed class ThrowingOn(ulong number) : IFrontEnd
    {
        public List<ulong> Received { get; } = [];

        public void Receive(StreamEnvelope envelope, bool more)
        {
            if (envelope.Number() == number)
                throw new InvalidOperationException("the front-end is broken, says the test");
            Received.Add(envelope.Number());
        }
    }
}
