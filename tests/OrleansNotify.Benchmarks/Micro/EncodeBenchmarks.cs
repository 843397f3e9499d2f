using System.Buffers;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does it cost to make the frame of one publication of 200 bytes, beside a serialiser that is given an object?</summary>
[MemoryDiagnoser]
public class EncodeBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private readonly Publication _publication = Publications.Of(1);
    private readonly JsonElement _data = JsonSerializer.Deserialize<JsonElement>(Publications.Data.Span);

    [Benchmark(Baseline = true)]
    public byte[] SerializeAnObject() => JsonSerializer.SerializeToUtf8Bytes(new
    {
        type = "event",
        channel = Publications.Channel,
        id = _publication.Id,
        offset = _publication.Offset,
        timestamp = _publication.PublishedAt,
        data = _data,
    });

    [Benchmark]
    public int WriteEvent()
    {
        _output.ResetWrittenCount();
        JsonWebSocketFormat.Instance.WriteEvent(_output, Publications.Channel, null, _publication);
        return _output.WrittenCount;
    }
}
