using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>
/// Whose an idempotency key is: publishers that happen to use the same key on one channel do not meet. The grain sees one text; the separators are control
/// characters, which no key, user or name of an API key has, so that no two scopes make the same one.
/// </summary>
internal static class IdempotencyScope
{
    private const char BehindApiKey = '\u0001';
    private const char BehindUser = '\u0002';

    /// <summary>The draft with its key in the scope of the API key it is published with, if there is one.</summary>
    public static PublicationDraft OfApiKey(ApiKey? caller, PublicationDraft draft) =>
        draft.IdempotencyKey is { } key && caller is not null
            ? PublicationDraft.FromChecked(draft.Data, draft.Shape, draft.Event, draft.Tags, draft.Publisher, $"{caller.Name}{BehindApiKey}{key}", draft.Origin)
            : draft;

    /// <summary>A key in the scope of a connection's user, if it has one.</summary>
    public static string? OfUser(string? user, string? key) => user is null || key is null ? key : $"{user}{BehindUser}{key}";
}
