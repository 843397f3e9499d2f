using System.Net;
using OrleansNotify.AspNetCore.Api;

namespace OrleansNotify.Tests.Api;

public sealed class ConnectionIdTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(42)]
    [InlineData(long.MaxValue)]
    public void An_id_reads_back_as_it_was_written(long number)
    {
        var silo = SiloAddress.New(IPAddress.Loopback, 40_000, 7);
        Assert.True(ConnectionId.TryParse(ConnectionId.Format(silo, number), out var tag, out var read));
        Assert.Equal((ConnectionId.TagOf(silo), number), (tag, read));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0a1b2c3d")]
    [InlineData("0a1b2c3d-")]
    [InlineData("0a1b2c3d-0")]
    [InlineData("0a1b2c3d-01")]
    [InlineData("0a1b2c3d--1")]
    [InlineData("0a1b2c3d- 1")]
    [InlineData("0A1B2C3D-1")]
    [InlineData("a1b2c3d-1")]
    [InlineData("0a1b2c3g-1")]
    [InlineData("0a1b2c3d-9223372036854775808")]
    public void Nothing_else_is_an_id(string? text) => Assert.False(ConnectionId.TryParse(text, out _, out _));
}
