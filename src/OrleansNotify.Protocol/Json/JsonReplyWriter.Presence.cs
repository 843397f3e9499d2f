using System.Buffers;

namespace OrleansNotify.Protocol.Json;

// Who is on a channel.
public static partial class JsonReplyWriter
{
    /// <summary><c>{"type":"join","channel":…,"member":{"connection":…[,"user":…][,"info":…]}}</c>, or <c>leave</c>.</summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="joined">False: it has left.</param>
    /// <param name="member">Who.</param>
    public static void WritePresenceChange(IBufferWriter<byte> output, string channel, bool joined, PresenceMember member)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel)));
        json.Raw(joined ? "{\"type\":\"join\",\"channel\":"u8 : "{\"type\":\"leave\",\"channel\":"u8);
        json.String(channel);
        json.Raw(",\"member\":"u8);
        output.Advance(json.Length);
        WriteMember(output, member);
        output.Write("}"u8);
    }

    /// <summary><c>{"type":"presence"[,"id":…],"channel":…[,"members":[…]],"total":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="members">Null: too many to be listed.</param>
    /// <param name="total">How many there are.</param>
    public static void WritePresence(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, IReadOnlyList<PresenceMember>? members, int total)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + id.Length));
        json.Raw("{\"type\":\"presence\""u8);
        Id(ref json, id);
        json.Raw(",\"channel\":"u8);
        json.String(channel);
        output.Advance(json.Length);
        if (members is not null)
            WriteMembers(output, members);
        json = new JsonText(output.GetSpan(Fixed));
        json.Raw(",\"total\":"u8);
        json.Number((ulong)total);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"presence_stats"[,"id":…],"channel":…,"connections":…,"users":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="connections">How many members.</param>
    /// <param name="users">How many different users among them.</param>
    public static void WritePresenceStats(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, int connections, int users)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + id.Length));
        json.Raw("{\"type\":\"presence_stats\""u8);
        Id(ref json, id);
        json.Raw(",\"channel\":"u8);
        json.String(channel);
        json.Raw(",\"connections\":"u8);
        json.Number((ulong)connections);
        json.Raw(",\"users\":"u8);
        json.Number((ulong)users);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>,"members":[…]</c>, as it stands in a list of members (HTTP and WebSocket alike).</summary>
    public static void WriteMembers(IBufferWriter<byte> output, IReadOnlyList<PresenceMember> members)
    {
        output.Write(",\"members\":["u8);
        for (var i = 0; i < members.Count; i++)
        {
            if (i > 0)
                output.Write(","u8);
            WriteMember(output, members[i]);
        }
        output.Write("]"u8);
    }

    private static void WriteMember(IBufferWriter<byte> output, PresenceMember member)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(member.Connection) + JsonText.MaxBytes(member.User ?? "") + member.Info.Length));
        json.Raw("{\"connection\":"u8);
        json.String(member.Connection);
        if (member.User is { } user)
        {
            json.Raw(",\"user\":"u8);
            json.String(user);
        }
        if (!member.Info.IsEmpty)
        {
            json.Raw(",\"info\":"u8);
            json.Raw(member.Info.Span);
        }
        json.Raw("}"u8);
        output.Advance(json.Length);
    }
}
