namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The front-ends of one channel, by the rule of numbers: calls between silos can overtake one another, so whatever carries a lower number than
/// one seen from the same front-end comes too late and changes nothing. Written under one lock (that of the silo's table of attachments);
/// <see cref="Current"/> is read without it.
/// </summary>
/// <typeparam name="TAttached">What is kept of an attachment.</typeparam>
internal sealed class Attachments<TAttached> where TAttached : class
{
    // Also of detached ones: an attach sent before a detach may arrive behind it. At most one for each silo, and mostly one: a dictionary would be the
    // largest thing that a channel with one subscriber has.
    private Entry[] _known = [];
    private volatile TAttached[] _current = [];

    /// <summary>Those attached now. Never changed, only replaced.</summary>
    public TAttached[] Current => _current;

    /// <summary>Every front-end known, with the highest number seen from it and whether it is attached.</summary>
    public IEnumerable<(SiloAddress FrontEnd, long Number, bool IsAttached)> Known =>
        _known.Select(entry => (entry.FrontEnd, entry.Number, entry.Attached is not null));

    /// <summary>The attachment of a front-end, or null.</summary>
    public TAttached? Find(SiloAddress frontEnd) => Look(frontEnd).Attached;

    /// <summary>Whether an attach with this number has an effect: it is higher than all seen from this front-end.</summary>
    public bool IsNews(SiloAddress frontEnd, long number) => number > Look(frontEnd).Number;

    /// <summary>Puts an attachment in the place of the front-end's former one. Only if <see cref="IsNews"/>.</summary>
    /// <returns>The former one, or null.</returns>
    public TAttached? Attach(SiloAddress frontEnd, long number, TAttached attached)
    {
        var former = Find(frontEnd);
        Set(new Entry(frontEnd, number, attached));
        _current = [.. _current.Where(a => a != former), attached];
        return former;
    }

    /// <summary>Ends the attachment of this number or a lower one: an attach of this number that is still to come will be ignored.</summary>
    /// <returns>What was attached, or null.</returns>
    public TAttached? Detach(SiloAddress frontEnd, long number)
    {
        var known = Look(frontEnd);
        if (known.Number > number)
            return null;
        Set(new Entry(frontEnd, number, null));
        if (known.Attached is not null)
            _current = [.. _current.Where(a => a != known.Attached)];
        return known.Attached;
    }

    /// <summary>Forgets a front-end that will never call again.</summary>
    public void Forget(SiloAddress frontEnd)
    {
        if (Find(frontEnd) is { } attached)
            _current = [.. _current.Where(a => a != attached)];
        _known = [.. _known.Where(entry => !entry.FrontEnd.Equals(frontEnd))];
    }

    // Of one never heard of: the lowest number there is.
    private Entry Look(SiloAddress frontEnd)
    {
        foreach (var entry in _known)
        {
            if (entry.FrontEnd.Equals(frontEnd))
                return entry;
        }
        return new Entry(frontEnd, long.MinValue, null);
    }

    private void Set(Entry entry)
    {
        var at = Array.FindIndex(_known, known => known.FrontEnd.Equals(entry.FrontEnd));
        if (at >= 0)
            _known[at] = entry;
        else
            _known = [.. _known, entry];
    }

    private readonly record struct Entry(SiloAddress FrontEnd, long Number, TAttached? Attached);
}
