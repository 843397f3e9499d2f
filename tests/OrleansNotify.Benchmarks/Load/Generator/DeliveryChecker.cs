namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>
/// Finds what was lost, came twice or in another order. A publisher numbers its publications 1, 2, 3… per channel and sends the next one after the
/// answer to the last, so every subscriber must see them in that order.
/// </summary>
/// <param name="subscribers">How many subscriptions.</param>
/// <param name="publishers">How many.</param>
internal sealed class DeliveryChecker(int subscribers, int publishers)
{
    private const int Window = 64; // what comes later than so many is no longer told from a repeat

    private readonly Seen[] _seen = new Seen[subscribers * publishers];

    /// <summary>Deliveries that must come.</summary>
    public long Expected { get; private set; }

    /// <summary>Deliveries that came, each counted once.</summary>
    public long Unique { get; private set; }

    /// <summary>Came again.</summary>
    public long Duplicated { get; private set; }

    /// <summary>Came after one with a higher number.</summary>
    public long Reordered { get; private set; }

    /// <summary>Came to somebody who had not subscribed to their channel, or were never published.</summary>
    public long Misrouted { get; private set; }

    /// <summary>Did not come; final when nothing is under way any more.</summary>
    public long Lost => Expected - Unique;

    /// <summary>A publication is sent to a channel with so many subscribers.</summary>
    public void Expect(int deliveries) => Expected += deliveries;

    /// <summary>Counts a delivery that belongs nowhere.</summary>
    public void Misroute() => Misrouted++;

    /// <summary>Takes a delivery.</summary>
    /// <returns>Whether it is new.</returns>
    public bool Take(int subscription, int publisher, uint sequence)
    {
        ref var seen = ref _seen[subscription * publishers + publisher];
        if (sequence > seen.Last)
        {
            var step = sequence - seen.Last;
            seen.Before = step < Window ? seen.Before << (int)step | 1 : 1;
            seen.Last = sequence;
            Unique++;
            return true;
        }
        var behind = seen.Last - sequence;
        if (behind >= Window || (seen.Before >> (int)behind & 1) != 0)
        {
            Duplicated++;
            return false;
        }
        seen.Before |= 1UL << (int)behind;
        Reordered++;
        Unique++;
        return true;
    }

    // Bit n of Before: the number n below Last has come.
    private record struct Seen(uint Last, ulong Before);
}
