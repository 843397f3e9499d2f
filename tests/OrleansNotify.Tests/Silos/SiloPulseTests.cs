using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Silos;

public sealed class SiloPulseTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly SiloPulse _pulse;
    private TaskCompletionSource<SiloStatus> _answer = new();
    private int _reads;

    public SiloPulseTests() => _pulse = new SiloPulse(Read, _time, NullLogger<SiloPulse>.Instance);

    public void Dispose() => _pulse.Dispose();

    [Fact]
    public void A_silo_whose_clock_ticks_is_certain_and_reads_nothing()
    {
        for (var i = 0; i < 100; i++)
        {
            _time.Advance(SiloPulse.Period);
            Assert.True(_pulse.IsCertain);
        }

        Assert.Equal(0, _reads);
    }

    [Fact]
    public async Task A_silo_that_stood_still_is_in_doubt_until_it_has_read_that_it_is_a_member()
    {
        _time.Advance(SiloPulse.MaxPause + SiloPulse.Period);
        Assert.False(_pulse.IsCertain);
        Assert.Equal(1, _reads);
        _time.Advance(SiloPulse.Period);
        Assert.False(_pulse.IsCertain);
        Assert.Equal(1, _reads);

        _answer.SetResult(SiloStatus.Active);

        await Until.True("the silo is certain again", () => _pulse.IsCertain);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_silo_that_was_declared_dead_or_cannot_read_stays_in_doubt_and_reads_again(bool isDead)
    {
        _time.Advance(SiloPulse.MaxPause + SiloPulse.Period);
        var answer = _answer;
        _answer = new();

        if (isDead)
            answer.SetResult(SiloStatus.Dead);
        else
            answer.SetException(new IOException("away"));

        await Until.True("it reads again", () =>
        {
            _time.Advance(SiloPulse.Period);
            return Volatile.Read(ref _reads) == 2;
        });
        Assert.False(_pulse.IsCertain);
    }

    [Fact]
    public async Task What_was_read_before_it_stood_still_again_does_not_count()
    {
        _time.Advance(SiloPulse.MaxPause + SiloPulse.Period);
        var answer = _answer;
        _answer = new();
        _time.Advance(SiloPulse.MaxPause + SiloPulse.Period);

        answer.SetResult(SiloStatus.Active);

        await Until.True("it reads again", () =>
        {
            _time.Advance(SiloPulse.Period);
            return Volatile.Read(ref _reads) == 2;
        });
        Assert.False(_pulse.IsCertain);
    }

    private Task<SiloStatus> Read(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        return _answer.Task;
    }
}
