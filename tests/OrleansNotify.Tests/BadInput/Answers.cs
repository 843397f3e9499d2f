using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.BadInput;

/// <summary>What a server said to something raw.</summary>
internal static class Answers
{
    /// <summary>Reads the next text frame.</summary>
    public static async Task<JsonElement> Next(this RawSocket raw)
    {
        var frame = await raw.ReadFrame() ?? throw new InvalidOperationException("The server has ended the connection.");
        Assert.Equal((1, true, 0, false), (frame.Opcode, frame.Fin, frame.Rsv, frame.Masked));
        return Parse(frame.Text);
    }

    /// <summary>Sends a text message and reads what comes next.</summary>
    public static async Task<JsonElement> Ask(this RawSocket raw, string text)
    {
        await raw.SendText(text);
        return await raw.Next();
    }

    /// <summary>The next thing the server sends is a close frame; returns its code. Null: the connection ended without one.</summary>
    public static async Task<int?> ReadFirstCloseCode(this RawSocket raw)
    {
        if (await raw.ReadFrame() is not { } frame)
            return null;
        Assert.True(frame.Opcode == 8, frame.Text);
        return frame.CloseCode;
    }

    /// <summary>The connection goes on: the next answer is that to a ping.</summary>
    public static async Task AssertGoesOn(this RawSocket raw) =>
        Assert.Equal("""{"type":"pong"}""", (await raw.Ask("""{"type":"ping"}""")).GetRawText());

    /// <summary>The answer is an error of this code, with this sentence; a sentence that ends with … may go on.</summary>
    public static void AssertError(this JsonElement answer, int code, string message, string? id = null)
    {
        Assert.True(answer.GetProperty("type").GetString() == "error", answer.GetRawText());
        AssertSentence(message, answer.GetProperty("message").GetString()!);
        Assert.Equal(code, answer.GetProperty("code").GetInt32());
        Assert.Equal(id, answer.TryGetProperty("id", out var echoed) ? echoed.GetRawText() : null);
    }

    /// <summary>The answer is a problem (RFC 9457) of this status, with this sentence, about this field.</summary>
    public static void AssertProblem(this RawResponse response, int status, string detail, string? field = null)
    {
        Assert.True(response.Status == status, $"{response.Status} {response.Body}");
        Assert.Equal("application/problem+json", response.Headers["Content-Type"].Single());
        var problem = Parse(response.Body);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        AssertSentence(detail, problem.GetProperty("detail").GetString()!);
        Assert.Equal(field, problem.TryGetProperty("field", out var named) ? named.GetString() : null);
    }

    public static void AssertSentence(string expected, string actual)
    {
        if (expected.EndsWith('…'))
            Assert.StartsWith(expected[..^1], actual, StringComparison.Ordinal);
        else
            Assert.Equal(expected, actual);
    }

    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
