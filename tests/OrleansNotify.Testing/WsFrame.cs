using System.Text.Json;

namespace OrleansNotify.Testing;

/// <summary>A JSON text frame from the server.</summary>
/// <param name="Text">As received.</param>
/// <param name="Json">The same, parsed.</param>
public sealed record WsFrame(string Text, JsonElement Json)
{
    /// <summary>Its <c>type</c>; empty when it has none.</summary>
    public string Type { get; } = StringOf(Json, "type") ?? "";

    /// <summary>Its <c>channel</c>, or null.</summary>
    public string? Channel { get; } = StringOf(Json, "channel");

    /// <summary>Its <c>offset</c>, or null.</summary>
    public ulong? Offset { get; } = Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty("offset", out var offset) ? offset.GetUInt64() : null;

    /// <summary>Its <c>epoch</c>, or null.</summary>
    public string? Epoch { get; } = StringOf(Json, "epoch");

    /// <summary>Its <c>code</c>, or null.</summary>
    public int? Code { get; } = Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty("code", out var code) ? code.GetInt32() : null;

    /// <summary>Its <c>data</c>; default when it has none.</summary>
    public JsonElement Data { get; } = Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty("data", out var data) ? data : default;

    private static string? StringOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
