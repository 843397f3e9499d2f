using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using OrleansNotify.AspNetCore.Transports.WebSocket;

namespace OrleansNotify.Tests.Transports.WebSocket;

public sealed class HandOverTests
{
    private readonly Pipe _in = new();
    private readonly Pipe _out = new();
    private readonly Heart _heart = new();

    private Task Run(ConnectionDelegate http)
    {
        var connection = new DefaultConnectionContext("1", new Ends(_in.Reader, _out.Writer), new Ends(_out.Reader, _in.Writer));
        connection.Features.Set<IConnectionHeartbeatFeature>(_heart);
        return HandOver.Run(connection, http);
    }

    [Fact]
    public async Task A_session_goes_on_with_what_HTTP_has_left_unread_on_a_connection_that_HTTP_has_completed()
    {
        var heard = "";
        await Write(_in.Writer, "head,rest");
        await Run(async connection =>
        {
            var read = await connection.Transport.Input.ReadAsync();
            connection.Transport.Input.AdvanceTo(read.Buffer.GetPosition(5));
            var handOver = connection.Features.Get<HandOver>()!;
            Assert.True(handOver.HasUnread());
            handOver.Take(async bare =>
            {
                var rest = await bare.Transport.Input.ReadAsync();
                heard = Encoding.ASCII.GetString(rest.Buffer);
                await Write(bare.Transport.Output, "answer");
            });
            await connection.Transport.Input.CompleteAsync();
            await connection.Transport.Output.CompleteAsync();
        });

        Assert.Equal("rest", heard);
        Assert.True(_out.Reader.TryRead(out var sent));
        Assert.Equal(("answer", false), (Encoding.ASCII.GetString(sent.Buffer), sent.IsCompleted));
    }

    [Fact]
    public async Task A_connection_that_nobody_takes_ends_with_HTTP()
    {
        await Run(async connection =>
        {
            Assert.False(connection.Features.Get<HandOver>()!.HasUnread());
            await connection.Transport.Output.CompleteAsync();
        });

        Assert.True(_out.Reader.TryRead(out var sent));
        Assert.True(sent.IsCompleted);
    }

    [Fact]
    public async Task HTTP_hears_the_heart_beat_until_its_request_has_ended()
    {
        var heard = 0;
        await Run(connection =>
        {
            connection.Features.Get<IConnectionHeartbeatFeature>()!.OnHeartbeat(_ => heard++, this);
            _heart.Beat();
            connection.Features.Get<HandOver>()!.Take(bare =>
            {
                _heart.Beat();
                Assert.Same(_heart, bare.Features.Get<IConnectionHeartbeatFeature>());
                Assert.Null(bare.Features.Get<HandOver>());
                return Task.CompletedTask;
            });
            return Task.CompletedTask;
        });

        Assert.Equal(1, heard);
    }

    [Fact]
    public async Task A_client_that_has_gone_has_sent_nothing() =>
        await Run(async connection =>
        {
            await _in.Writer.CompleteAsync(new ConnectionResetException("reset"));
            Assert.False(connection.Features.Get<HandOver>()!.HasUnread());
        });

    private static async Task Write(PipeWriter pipe, string text)
    {
        pipe.Write(Encoding.ASCII.GetBytes(text));
        await pipe.FlushAsync();
    }

    private sealed class Heart : IConnectionHeartbeatFeature
    {
        private readonly List<Action> _actions = [];

        public void OnHeartbeat(Action<object> action, object state) => _actions.Add(() => action(state));

        public void Beat() => _actions.ForEach(action => action());
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
