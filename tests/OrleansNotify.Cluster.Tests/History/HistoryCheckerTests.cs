using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>The checker finds every kind of broken promise in a history made by hand, and nothing in a good one.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly ChannelEpoch Old = new(1, 1, 1), New = new(2, 1, 1), Newer = new(3, 1, 1);

    [Fact]
    public void A_good_run_has_no_violation()
    {
        var report = new Story().Ack("a", Old, 1).Ack("b", Old, 2).Ack("c", Old, 3)
            .Client("one").Join(Old, 0).Get(1, "a").Get(2, "b").Get(3, "c")
            .Client("two").Join(Old, 1).Get(2, "b").End(3001).Recover(Old, 2, Old, 3).Get(3, "c")
            .Final(Old, 3, "a", "b", "c").Check();
        Assert.Empty(report.Violations);
        Assert.Empty(report.FailedPublications);
        Assert.Equal(5, report.Deliveries);
        Assert.Equal((0, 0, 1, 0), report.Told);
        Assert.Equal(1, report.Ended[3001]);
    }

    [Fact]
    public void A_silos_death_that_is_told_is_no_violation_of_a_recoverable_channel()
    {
        var report = new Story().Ack("a", Old, 1).Ack("gone", Old, 2).Ack("b", New, 1).Ack("c", New, 2)
            .Client("position frame").Join(Old, 0).Get(1, "a").Tell(New, 0).Get(1, "b", New).Get(2, "c")
            .Client("epoch in the event").Join(Old, 0).Get(1, "a").Get(1, "b", New).Get(2, "c")
            .Client("reconnected").Join(Old, 0).Get(1, "a").End(null).NotRecovered(Old, 1, New, 1).Get(2, "c")
            .Client("late").Join(New, 1).Get(2, "c")
            .Final(New, 2, "b", "c").Check();
        Assert.Empty(report.Violations);
        Assert.Equal(2, report.AbandonedAcks);
        Assert.Equal((3, 0, 0, 1), report.Told);
    }

    [Fact]
    public void A_retry_that_gets_the_first_position_and_an_unknown_that_turns_up_are_no_violations() =>
        Assert.Empty(new Story().Unknown("a").Ack("a", Old, 1).Unknown("b").Unknown("never").NotAccepted("c").Ack("c", Old, 3)
            .Client("one").Join(Old, 0).Get(1, "a").Get(2, "b").Get(3, "c").Check().Violations);

    [Theory]
    [InlineData(ChannelPromise.Recoverable)]
    [InlineData(ChannelPromise.Durable)]
    public void Lost_at_the_end(ChannelPromise promise) =>
        Finds(new Story(promise).Ack("a", Old, 1).Ack("b", Old, 2).Client("one").Join(Old, 0).Get(1, "a"), ViolationKind.Lost);

    [Fact]
    public void Lost_what_only_another_subscriber_got() =>
        Finds(new Story().Unknown("a").Client("one").Join(Old, 0).Get(1, "a").Client("two").Join(Old, 0), ViolationKind.Lost);

    [Fact]
    public void Lost_in_an_epoch_that_nobody_was_told_is_over() =>
        Finds(new Story().Ack("a", Old, 1).Ack("b", New, 1).Client("one").Join(Old, 0).Get(1, "a"), ViolationKind.Lost);

    [Fact]
    public void Lost_across_a_session_that_recovered_short() =>
        Finds(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Client("one").Join(Old, 0).Get(1, "a").End(null).Recover(Old, 1, Old, 2), ViolationKind.Lost);

    [Fact]
    public void Lost_from_history() =>
        Finds(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Ack("c", Old, 3).Kept(Old, 3, (1, "a"), (3, "c")), ViolationKind.Lost);

    [Fact]
    public void Lost_beyond_the_channels_own_position() => Finds(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Final(Old, 1, "a"), ViolationKind.Lost);

    [Fact]
    public void What_history_let_go_of_by_its_bounds_is_not_lost() =>
        Assert.Empty(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Ack("c", Old, 3).Kept(Old, 3, (2, "b"), (3, "c")).Check().Violations);

    [Fact]
    public void A_new_epoch_is_no_excuse_for_a_durable_channel() =>
        Finds(new Story(ChannelPromise.Durable).Ack("a", Old, 1).Ack("b", Old, 2).Client("one").Join(Old, 0).Get(1, "a").Tell(New, 0), ViolationKind.Lost);

    [Fact]
    public void A_durable_acknowledgement_in_an_epoch_that_ended_is_lost() =>
        Finds(new Story(ChannelPromise.Durable).Ack("a", Old, 1).Final(New, 0), ViolationKind.Lost);

    [Fact]
    public void A_hole_that_was_told_is_no_violation() =>
        Assert.Empty(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Ack("c", Old, 3).Client("one").Join(Old, 0).Get(1, "a").Tell(Old, 2).Get(3, "c").Check().Violations);

    [Fact]
    public void Duplicated() => Finds(new Story().Ack("a", Old, 1).Client("one").Join(Old, 0).Get(1, "a").Get(1, "a"), ViolationKind.Duplicated);

    [Fact]
    public void Duplicated_at_the_seam_of_recovery_and_live() =>
        Finds(
            new Story().Ack("a", Old, 1).Ack("b", Old, 2).Client("one").Join(Old, 0).Get(1, "a").End(null).Recover(Old, 1, Old, 2).Get(2, "b").Get(2, "b"),
            ViolationKind.Duplicated);

    [Fact]
    public void Reordered() =>
        Finds(new Story().Ack("a", Old, 1).Ack("b", Old, 2).Client("one").Join(Old, 0).Get(2, "b").Get(1, "a"), ViolationKind.Lost, ViolationKind.Reordered, ViolationKind.UnexplainedGap);

    [Fact]
    public void Reordered_by_recovering_what_was_delivered_before() =>
        Finds(new Story().Ack("a", Old, 1).Client("one").Join(Old, 0).Get(1, "a").End(null).Recover(Old, 1, Old, 1).Get(1, "a"), ViolationKind.Reordered);

    [Fact]
    public void Reordered_by_an_older_epoch() =>
        Finds(new Story().Ack("a", New, 1).Ack("b", Old, 2).Client("one").Join(New, 0).Get(1, "a").Get(2, "b", Old), ViolationKind.Reordered);

    [Fact]
    public void Reordered_by_a_position_frame_that_goes_back() =>
        Finds(new Story().Ack("a", Old, 1).Client("one").Join(Old, 0).Get(1, "a").Tell(Old, 0).Get(1, "a"), ViolationKind.Duplicated, ViolationKind.Reordered);

    [Fact]
    public void A_gap_nobody_explained() =>
        Finds(new Story().Unknown("x").Ack("b", Old, 2).Client("one").Join(Old, 0).Get(2, "b"), ViolationKind.UnexplainedGap);

    [Fact]
    public void One_position_with_two_contents_at_two_subscribers() =>
        Finds(
            new Story().Unknown("a").Unknown("b").Client("one").Join(Old, 0).Get(1, "a").Client("two").Join(Old, 0).Get(1, "b"),
            ViolationKind.EpochReuse);

    [Fact]
    public void One_position_in_two_acknowledgements() => Finds(new Story().Ack("a", Old, 1).Ack("b", Old, 1), ViolationKind.EpochReuse, ViolationKind.FalseOutcome);

    [Fact]
    public void An_acknowledged_position_that_names_other_content() =>
        Finds(new Story().Ack("a", Old, 1).Unknown("b").Client("one").Join(Old, 0).Get(1, "b"), ViolationKind.EpochReuse, ViolationKind.FalseOutcome);

    [Fact]
    public void Refused_and_delivered() => Finds(new Story().Refused("a").Client("one").Join(Old, 0).Get(1, "a"), ViolationKind.FalseOutcome);

    [Fact]
    public void Not_accepted_and_in_history() => Finds(new Story().NotAccepted("a").Final(Old, 1, "a"), ViolationKind.FalseOutcome);

    [Fact]
    public void A_retry_that_got_another_position() => Finds(new Story().Ack("a", Old, 1).Ack("a", Old, 2), ViolationKind.FalseOutcome);

    [Fact]
    public void A_retry_that_was_delivered_again() =>
        Finds(new Story().Unknown("a").Ack("a", Old, 1).Client("one").Join(Old, 0).Get(1, "a").Get(2, "a"), ViolationKind.FalseOutcome);

    [Fact]
    public void A_retry_in_another_epoch_may_be_delivered_again_unless_the_channel_is_durable()
    {
        Assert.Empty(Twice(ChannelPromise.Recoverable).Check().Violations);
        Finds(Twice(ChannelPromise.Durable), ViolationKind.FalseOutcome);

        static Story Twice(ChannelPromise promise) =>
            new Story(promise).Unknown("a").Ack("a", New, 1).Client("one").Join(Old, 0).Get(1, "a").Tell(New, 0).Get(1, "a", New);
    }

    [Fact]
    public void Content_that_nobody_published() =>
        Finds(new Story().Client("one").Join(Old, 0).Get(1, "forged"), ViolationKind.FalseOutcome);

    [Fact]
    public void Recovery_refused_inside_the_window_and_not_beyond_it()
    {
        Finds(new Story().Client("one").Join(Old, 5).End(null).NotRecovered(Old, 5, Old, 5 + Story.Window), ViolationKind.FalseRecovery);
        Assert.Empty(new Story().Client("one").Join(Old, 5).End(null).NotRecovered(Old, 5, Old, 6 + Story.Window).Check().Violations);
    }

    [Fact]
    public void Recovery_granted_under_another_epoch() =>
        Finds(new Story().Client("one").Join(Old, 5).End(null).Recover(Old, 5, New, 5), ViolationKind.FalseRecovery);

    [Fact]
    public void Recovery_that_puts_back() => Finds(new Story().Client("one").Join(Old, 5).End(null).NotRecovered(Old, 5, Old, 3), ViolationKind.Reordered);

    [Fact]
    public void A_client_that_asks_for_a_position_it_does_not_have_is_the_rigs_fault() =>
        Assert.Throws<InvalidOperationException>(() => new Story().Client("one").Join(Old, 5).End(null).NotRecovered(Old, 4, Newer, 0).Check());

    [Fact]
    public void Times_to_recover_count_from_the_fault_to_the_first_event_published_after_it()
    {
        var story = new Story().Ack("before", Old, 1).Ack("after", Old, 2);
        for (var i = 0; i < 99; i++)
            story.Client($"quick {i}").Join(Old, 0).Get(1, "before", at: 11).Get(2, "after", at: 12);
        var report = story.Client("slow").Join(Old, 0).Get(1, "before", at: 11).Get(2, "after", at: 17)
            .Client("never").Join(Old, 0).Get(1, "before", at: 11).Fault(10.5).Check();
        var times = Assert.Single(report.Recoveries);
        Assert.Equal((1.5, 1.5, 6.5, 1), (times.P50.TotalSeconds, times.P99.TotalSeconds, times.Max.TotalSeconds, times.Never));
    }

    [Fact]
    public void A_publication_is_failed_when_no_attempt_was_accepted()
    {
        var report = new Story().Unknown("a").NotAccepted("a").Unknown("b").Ack("b", Old, 1).Check();
        Assert.Equal("a", Assert.Single(report.FailedPublications).Key);
        Assert.Equal((2, 1, 1), (report.Attempts[PublishOutcome.Unknown], report.Attempts[PublishOutcome.NotAccepted], report.Attempts[PublishOutcome.Accepted]));
    }

    [Fact]
    public void A_payload_is_named_by_all_but_what_the_service_adds()
    {
        var published = PayloadHash.Of("""{"k":"a-1","pad":[1,{"id":7}]}"""u8);
        Assert.Equal(published, PayloadHash.Of("""{"id":"evt_1","timestamp":"2024-01-15T10:30:00.123Z","k":"a-1","pad":[1,{"id":7}]}"""u8));
        Assert.NotEqual(published, PayloadHash.Of("""{"id":"evt_1","timestamp":"x","k":"a-1","pad":[1,{"id":8}]}"""u8));
        Assert.NotEqual(published, PayloadHash.Of("""{"k":"a-1"}"""u8));
    }

    private static void Finds(Story story, params ViolationKind[] kinds) => Assert.Equal(kinds.Order(), story.Check().Violations.Select(violation => violation.Kind).Distinct().Order());
}
