using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.FrontEnd;

public class ConnectionDeadlinesTests
{
    private static readonly NotifyMetrics Metrics = TestMetrics.Create(); // one: instruments stay in the process
    private readonly ConnectionDeadlines _deadlines = new();
    private long _now = 1;

    [Fact]
    public void One_that_is_new_is_due_at_once_and_then_when_it_was_put()
    {
        var connection = New(1);
        _deadlines.Add(connection);

        Assert.Equal([1], TakeDue());
        _deadlines.Put(connection, 100);

        _now = 99;
        Assert.Empty(TakeDue());
        _now = 100;
        Assert.Equal([1], TakeDue());
    }

    [Fact]
    public void One_that_is_taken_and_not_put_comes_again()
    {
        _deadlines.Add(New(1));
        Assert.Equal([1], TakeDue());

        Assert.Empty(TakeDue());
        _now += 10;
        Assert.Equal([1], TakeDue());
    }

    [Fact]
    public void One_that_is_hurried_is_due_at_once_also_when_that_happens_while_it_is_looked_at()
    {
        var connection = New(1);
        _deadlines.Add(connection);
        TakeDue();
        _deadlines.Put(connection, 100);
        _deadlines.Hurry(connection);
        Assert.Equal([1], TakeDue());

        _deadlines.Hurry(connection);
        _deadlines.Put(connection, 100);
        Assert.Equal([1], TakeDue());
    }

    [Fact]
    public void What_has_gone_is_neither_due_nor_hurried_nor_put()
    {
        var connection = New(1);
        _deadlines.Add(connection);
        _deadlines.Remove(connection);
        _deadlines.Remove(connection);

        _deadlines.Hurry(connection);
        _deadlines.Put(connection, 0);
        Assert.Empty(TakeDue());
    }

    [Fact]
    public void Each_is_due_when_it_was_put_whatever_comes_and_goes_beside_it()
    {
        var random = new Random(7);
        var model = new Dictionary<Connection, long>();
        for (var i = 0; i < 5_000; i++, _now++)
        {
            var one = model.Count == 0 ? New(i) : model.Keys.ElementAt(random.Next(model.Count));
            switch (model.Count == 0 ? 0 : random.Next(100))
            {
                case < 20:
                    one = New(i);
                    _deadlines.Add(one);
                    model[one] = 0;
                    break;
                case < 35:
                    _deadlines.Remove(one);
                    model.Remove(one);
                    break;
                case < 50:
                    _deadlines.Hurry(one);
                    model[one] = 0;
                    break;
                case 50:
                    _deadlines.HurryAll();
                    foreach (var each in model.Keys)
                        model[each] = 0;
                    break;
                default:
                    var due = new List<Connection>();
                    _deadlines.Take(_now, _now + 3, due);
                    Assert.Equal(model.Where(each => each.Value <= _now).Select(each => each.Key.Number).Order(), due.Select(each => each.Number).Order());
                    foreach (var each in due)
                    {
                        model[each] = _now + 3;
                        if (random.Next(2) == 0)
                            _deadlines.Put(each, model[each] = _now + random.Next(1, 50));
                    }
                    break;
            }
        }
    }

    private long[] TakeDue()
    {
        var due = new List<Connection>();
        _deadlines.Take(_now, _now + 10, due);
        return [.. due.Select(connection => connection.Number)];
    }

    private static Connection New(long number)
    {
        var sink = new ManualSink();
        return new(number, $"0-{number}", "websocket", default, JsonWebSocketFormat.Instance, sink, new Outbox(sink, Metrics, TimeProvider.System, maxBytes: 100), new SubscriptionCounts());
    }
}
