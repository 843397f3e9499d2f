using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using OrleansNotify.AspNetCore.Publishing;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does it cost to read the body of one publish of 200 bytes, with every check of the payload, beside a document that is parsed and written again?</summary>
[MemoryDiagnoser]
public class IngestBenchmarks
{
    private readonly byte[] _body = Encoding.UTF8.GetBytes($$"""{"channel":"{{Publications.Channel}}","data":{{Encoding.UTF8.GetString(Publications.Data.Span)}}}""");

    [Benchmark(Baseline = true)]
    public int ParseAndWriteADocument()
    {
        using var document = JsonDocument.Parse(_body);
        var channel = document.RootElement.GetProperty("channel").GetString()!;
        return channel.Length + JsonSerializer.SerializeToUtf8Bytes(document.RootElement.GetProperty("data")).Length;
    }

    [Benchmark]
    public bool ReadEvent() => EventReader.TryRead(_body, null, out _, out _);
}
