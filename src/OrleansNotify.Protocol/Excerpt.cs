namespace OrleansNotify.Protocol;

/// <summary>Something of the sender's to show in a message: never much of it, and nothing that breaks a line.</summary>
internal static class Excerpt
{
    public static string Of(ReadOnlySpan<char> text, int maxLength = 40)
    {
        var cut = text.Length > maxLength;
        if (cut)
            text = text[..(char.IsHighSurrogate(text[maxLength - 1]) ? maxLength - 1 : maxLength)];
        return string.Create(text.Length + (cut ? 1 : 0), text, static (shown, text) =>
        {
            for (var i = 0; i < text.Length; i++)
                shown[i] = char.IsControl(text[i]) ? '\uFFFD' : text[i];
            if (shown.Length > text.Length)
                shown[^1] = '…';
        });
    }
}
