using System.Net;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.Tests.Channels;

public sealed class AttachmentsTests
{
    private static readonly SiloAddress A = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly SiloAddress B = SiloAddress.New(IPAddress.Loopback, 2, 1);
    private Attachments<Attached> _attachments;

    [Fact]
    public void A_higher_number_takes_the_place_of_a_lower_one()
    {
        _attachments.Attach(new(A, 1));
        _attachments.Attach(new(B, 1));
        Assert.Equal(new Attached(A, 1), _attachments.Attach(new(A, 2)));
        Assert.Equal([new Attached(B, 1), new Attached(A, 2)], _attachments.Current);
    }

    [Fact]
    public void A_number_that_is_not_higher_than_all_seen_is_no_news()
    {
        Assert.True(_attachments.IsNews(A, 1));
        _attachments.Attach(new(A, 5));
        Assert.False(_attachments.IsNews(A, 4));
        Assert.False(_attachments.IsNews(A, 5));
        Assert.True(_attachments.IsNews(A, 6));
        Assert.True(_attachments.IsNews(B, 1));
    }

    [Fact]
    public void A_late_detach_leaves_the_newer_attachment_alone()
    {
        _attachments.Attach(new(A, 5));
        Assert.Null(_attachments.Detach(A, 4));
        Assert.Equal([new Attached(A, 5)], _attachments.Current);
        Assert.Equal(new Attached(A, 5), _attachments.Detach(A, 5));
        Assert.Empty(_attachments.Current);
    }

    [Fact]
    public void An_attach_that_its_detach_has_overtaken_is_no_news_and_what_was_attached_before_is_gone()
    {
        _attachments.Attach(new(A, 4));
        Assert.Equal(new Attached(A, 4), _attachments.Detach(A, 5));
        Assert.Empty(_attachments.Current);
        Assert.False(_attachments.IsNews(A, 5));
        Assert.True(_attachments.IsNews(A, 6));
    }

    [Fact]
    public void A_forgotten_front_end_leaves_nothing()
    {
        _attachments.Attach(new(A, 4));
        _attachments.Detach(B, 9);
        _attachments.Forget(A);
        _attachments.Forget(B);
        Assert.Empty(_attachments.Current);
        Assert.Empty(_attachments.Known);
    }

    [Fact]
    public void An_array_that_was_read_does_not_change()
    {
        _attachments.Attach(new(A, 1));
        var read = _attachments.Current;
        _attachments.Detach(A, 1);
        Assert.Equal([new Attached(A, 1)], read);
    }

    private sealed record Attached(SiloAddress FrontEnd, long Number) : IAttachment;
}
