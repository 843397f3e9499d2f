using System.Text.Json;
using OrleansNotify.Cluster.Tests.History;
using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>What a subscriber needs to know of a frame, read in one pass: thousands of these come each second.</summary>
internal struct ReplyFrame
{
    public FrameType Type;
    public string? Channel;
    public ChannelEpoch? Epoch;
    public ulong Offset;
    public bool WasRecovering;
    public bool Recovered;
    public ulong Payload;
    public int Code;

    /// <summary>Reads a frame. Fields it does not know are passed over.</summary>
    /// <exception cref="JsonException">It is no frame.</exception>
    public static ReplyFrame Read(ReadOnlySpan<byte> utf8)
    {
        var frame = new ReplyFrame();
        var reader = new Utf8JsonReader(utf8);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref reader, "type"u8))
                frame.Type = TypeOf(ref reader);
            else if (Is(ref reader, "channel"u8))
                frame.Channel = reader.GetString();
            else if (Is(ref reader, "epoch"u8))
                frame.Epoch = EpochOf(reader.GetString());
            else if (Is(ref reader, "offset"u8))
                frame.Offset = reader.GetUInt64();
            else if (Is(ref reader, "wasRecovering"u8))
                frame.WasRecovering = reader.GetBoolean();
            else if (Is(ref reader, "recovered"u8))
                frame.Recovered = reader.GetBoolean();
            else if (Is(ref reader, "code"u8))
                frame.Code = reader.GetInt32();
            else if (Is(ref reader, "data"u8))
                frame.Payload = PayloadHash.Of(ref reader, utf8);
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return frame;
    }

    /// <summary>An epoch as it stands in a frame; clients must not read it, the checker may.</summary>
    public static ChannelEpoch EpochOf(string? text) =>
        ChannelEpoch.TryParse(text, out var epoch) ? epoch : throw new JsonException($"'{text}' is no epoch.");

    private static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.ValueTextEquals(name))
            return false;
        reader.Read();
        return true;
    }

    private static FrameType TypeOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("event"u8) ? FrameType.Event
        : reader.ValueTextEquals("subscribed"u8) ? FrameType.Subscribed
        : reader.ValueTextEquals("position"u8) ? FrameType.Position
        : reader.ValueTextEquals("error"u8) ? FrameType.Error
        : FrameType.Other;
}

/// <summary>Types of frames that matter here.</summary>
internal enum FrameType
{
    /// <summary>A pong, say.</summary>
    Other,
    Event,
    Subscribed,
    Position,
    Error,
}
