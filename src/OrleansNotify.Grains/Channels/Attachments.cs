namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The front-ends of one channel, by the rule of numbers: calls between silos can overtake one another, so whatever carries a lower number than
/// one seen from the same front-end comes too late and changes nothing. Written under one lock (that of the silo's table of attachments);
/// <see cref="Current"/> is read without it. A part of its channel, and no object of its own, nor a dictionary: that would be the largest thing a
/// channel with one subscriber has.
/// </summary>
/// <typeparam name="TAttached">What is kept of an attachment.</typeparam>
internal struct Attachments<TAttached> where TAttached : class, IAttachment
{
    private TAttached[]? _current;

    // An attach sent before a detach may arrive behind it. At most one for each silo.
    private (SiloAddress FrontEnd, long Number)[]? _detached;

    /// <summary>Those attached now. Never changed, only replaced.</summary>
    public readonly TAttached[] Current => Volatile.Read(in _current) ?? [];

    /// <summary>Every front-end known, with the highest number seen from it and whether it is attached.</summary>
    public readonly IEnumerable<(SiloAddress FrontEnd, long Number, bool IsAttached)> Known =>
        [.. Current.Select(a => (a.FrontEnd, a.Number, true)), .. (_detached ?? []).Select(d => (d.FrontEnd, d.Number, false))];

    /// <summary>The attachment of a front-end, or null.</summary>
    public readonly TAttached? Find(SiloAddress frontEnd)
    {
        foreach (var attached in Current)
        {
            if (attached.FrontEnd.Equals(frontEnd))
                return attached;
        }
        return null;
    }

    /// <summary>Whether an attach with this number has an effect: it is higher than all seen from this front-end.</summary>
    public readonly bool IsNews(SiloAddress frontEnd, long number) => number > Highest(frontEnd);

    /// <summary>Puts an attachment in the place of the front-end's former one. Only if <see cref="IsNews"/>.</summary>
    /// <returns>The former one, or null.</returns>
    public TAttached? Attach(TAttached attached)
    {
        var former = Find(attached.FrontEnd);
        ForgetDetached(attached.FrontEnd);
        Replace(former, attached);
        return former;
    }

    /// <summary>Ends the attachment of this number or a lower one: an attach of this number that is still to come will be ignored.</summary>
    /// <returns>What was attached, or null.</returns>
    public TAttached? Detach(SiloAddress frontEnd, long number)
    {
        if (Highest(frontEnd) > number)
            return null;
        var former = Find(frontEnd);
        ForgetDetached(frontEnd);
        _detached = [.. _detached ?? [], (frontEnd, number)];
        Replace(former, null);
        return former;
    }

    /// <summary>Forgets a front-end that will never call again.</summary>
    public void Forget(SiloAddress frontEnd)
    {
        ForgetDetached(frontEnd);
        Replace(Find(frontEnd), null);
    }

    // Of one never heard of: the lowest number there is.
    private readonly long Highest(SiloAddress frontEnd)
    {
        if (Find(frontEnd) is { } attached)
            return attached.Number;
        foreach (var detached in _detached ?? [])
        {
            if (detached.FrontEnd.Equals(frontEnd))
                return detached.Number;
        }
        return long.MinValue;
    }

    private void Replace(TAttached? former, TAttached? with)
    {
        if (former is null && with is null)
            return;
        var others = Current.Where(a => a != former);
        Volatile.Write(ref _current, with is null ? [.. others] : [.. others, with]);
    }

    private void ForgetDetached(SiloAddress frontEnd)
    {
        if (_detached is { } detached && Array.Exists(detached, d => d.FrontEnd.Equals(frontEnd)))
            _detached = detached.Length == 1 ? null : [.. detached.Where(d => !d.FrontEnd.Equals(frontEnd))];
    }
}

/// <summary>What an attachment is known by.</summary>
internal interface IAttachment
{
    /// <summary>Whose.</summary>
    SiloAddress FrontEnd { get; }

    /// <summary>Of the attach.</summary>
    long Number { get; }
}
