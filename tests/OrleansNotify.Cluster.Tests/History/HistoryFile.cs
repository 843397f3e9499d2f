using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Writes a history as JSON lines, in the order of time, to be looked into after a run that failed.</summary>
public static class HistoryFile
{
    private static readonly JsonSerializerOptions Format = new() { Converters = { new EpochText(), new JsonStringEnumConverter() } };

    /// <summary>Writes it to a new file in <paramref name="folder"/> and returns its path.</summary>
    public static string Write(RunHistory history, string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, $"history-{Guid.NewGuid():N}.jsonl");
        var lines = history.Attempts.Select(attempt => (attempt.SentAt, Text: JsonSerializer.Serialize(attempt, Format)))
            .Concat(history.Faults.Select(fault => (fault.At, JsonSerializer.Serialize(fault, Format))))
            .Concat(history.Logs.SelectMany(log => log.Entries.Select(seen => (seen.At, JsonSerializer.Serialize(
                new { log.Client, log.Channel, Saw = seen.GetType().Name, Seen = (object)seen }, Format)))));
        File.WriteAllLines(path, lines.OrderBy(line => line.Item1).Select(line => line.Item2));
        return path;
    }

    private sealed class EpochText : JsonConverter<ChannelEpoch>
    {
        public override ChannelEpoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            ChannelEpoch.TryParse(reader.GetString(), out var epoch) ? epoch : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, ChannelEpoch value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
