using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Telemetry;

/// <summary>The instruments of meter <c>OrleansNotify</c>. Labels come from closed sets, never from channel or user names.</summary>
public sealed class NotifyMetrics
{
    /// <summary>Publications accepted from a publisher by this process.</summary>
    public void Published(int count) => throw new NotImplementedException();

    /// <summary>Event frames handed to sockets. Called once per written batch, not per frame.</summary>
    public void Delivered(int count) => throw new NotImplementedException();

    /// <summary>Frames encoded: with any number of subscribers one per publication and encoding.</summary>
    public void Encoded(int count) => throw new NotImplementedException();

    /// <summary>From the grain's acceptance to the last local socket write of a publication.</summary>
    public void PublishToWritten(TimeSpan elapsed) => throw new NotImplementedException();

    /// <summary>A hole in a channel's offsets was filled from the grain.</summary>
    public void GapRepaired() => throw new NotImplementedException();

    /// <summary>A hole could not be filled; the clients were told.</summary>
    public void GapTold() => throw new NotImplementedException();

    /// <summary>A channel began a new epoch; the clients were told.</summary>
    public void EpochTold() => throw new NotImplementedException();

    /// <summary>A connection was ended by the server.</summary>
    public void Closed(DisconnectCode code) => throw new NotImplementedException();

    /// <summary>An <c>error</c> reply was sent.</summary>
    public void Error(NotifyError code) => throw new NotImplementedException();

    /// <summary>Bytes waiting in all outboxes, as counted once a second.</summary>
    public void OutboxBytes(long total) => throw new NotImplementedException();

    /// <summary>Publications handed to sockets since the process started.</summary>
    public long TotalDelivered => throw new NotImplementedException();

    /// <summary>Publications accepted by this process since it started.</summary>
    public long TotalPublished => throw new NotImplementedException();
}
