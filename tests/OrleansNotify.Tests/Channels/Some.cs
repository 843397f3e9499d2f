using System.Text;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels;

/// <summary>Ready-made drafts and publications: a test says only what matters to it.</summary>
internal static class Some
{
    public static PublicationDraft Draft(string text = "1", string? key = null, string? @event = null, string[]? tags = null, string? publisher = null, string? origin = null) =>
        PublicationDraft.FromChecked(Encoding.UTF8.GetBytes(text), PayloadShape.Value, @event, tags, publisher, key, origin);

    public static PublicationDraft[] Drafts(int count) => [.. Enumerable.Range(1, count).Select(i => Draft(i.ToString(System.Globalization.CultureInfo.InvariantCulture)))];

    public static Publication Publication(ulong offset, int bytes = 1) =>
        new($"evt_{offset}", offset, new byte[bytes], PayloadShape.Value, DateTimeOffset.UnixEpoch);

    public static string Text(this Publication publication) => Encoding.UTF8.GetString(publication.Data.Span);
}
