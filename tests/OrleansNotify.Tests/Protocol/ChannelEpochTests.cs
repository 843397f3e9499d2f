using System.Globalization;
using System.Text;
using CsCheck;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Protocol;

public class ChannelEpochTests
{
    private static readonly Gen<ChannelEpoch> Epochs =
        from version in Gen.OneOf(Gen.Long[0, 3], Gen.Long[0, long.MaxValue])
        from started in Gen.OneOf(Gen.Long[0, 3], Gen.Long[0, long.MaxValue])
        from random in Gen.OneOf(Gen.ULong[0, 3], Gen.ULong)
        select new ChannelEpoch(version, started, random);

    [Fact]
    public void What_is_written_reads_back_as_the_same_epoch() =>
        Epochs.Sample(epoch =>
        {
            Span<byte> utf8 = stackalloc byte[ChannelEpoch.MaxLength];
            Assert.True(epoch.TryFormat(utf8, out var written));
            Assert.Equal(epoch.ToString(), Encoding.ASCII.GetString(utf8[..written]));
            Assert.True(ChannelEpoch.TryParse(epoch.ToString(), out var back));
            Assert.Equal(epoch, back);
        });

    [Fact]
    public void Order_is_that_of_version_then_time_then_random() =>
        Gen.Select(Epochs, Epochs).Sample((a, b) =>
        {
            var expected = (a.MembershipVersion, a.StartedAt, a.Random).CompareTo((b.MembershipVersion, b.StartedAt, b.Random));
            Assert.Equal(Math.Sign(expected), Math.Sign(a.CompareTo(b)));
            Assert.Equal(expected < 0, a < b);
            Assert.Equal(expected > 0, a > b);
            Assert.Equal(expected <= 0, a <= b);
            Assert.Equal(expected >= 0, a >= b);
        });

    [Fact]
    public void Two_texts_never_name_the_same_epoch() =>
        Gen.String[Gen.Char["0123456789abcdefABCF-+ "], 0, 12].Sample(text =>
        {
            if (ChannelEpoch.TryParse(text, out var epoch))
                Assert.Equal(text, epoch.ToString());
        }, iter: 20_000);

    [Theory]
    [InlineData("")]
    [InlineData("1-2")]
    [InlineData("1-2-3-4")]
    [InlineData("-1-2-3")]
    [InlineData("1--3")]
    [InlineData("01-2-3")]
    [InlineData("1-A-3")]
    [InlineData("1-2-3 ")]
    [InlineData("ffffffffffffffff-2-3")]
    [InlineData("1-2-10000000000000000")]
    public void Anything_else_is_refused(string text) => Assert.False(ChannelEpoch.TryParse(text, out _), text.ToString(CultureInfo.InvariantCulture));

    [Fact]
    public void The_longest_form_fits_and_less_room_is_told()
    {
        var epoch = new ChannelEpoch(long.MaxValue, long.MaxValue, ulong.MaxValue);
        Assert.Equal(ChannelEpoch.MaxLength, epoch.ToString().Length);
        Assert.False(epoch.TryFormat(stackalloc byte[ChannelEpoch.MaxLength - 1], out _));
    }

    [Fact]
    public void Every_real_epoch_is_above_none() => Assert.True(new ChannelEpoch(0, 1, 0) > ChannelEpoch.None);
}
