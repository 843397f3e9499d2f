using System.Globalization;
using Microsoft.AspNetCore.Http;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Grains.Revocations;

namespace OrleansNotify.AspNetCore.Api;

/// <summary><c>POST /api/tokens/{id}/revoke</c>, <c>POST /api/users/{user}/revoke</c>: cluster-wide.</summary>
internal sealed class RevocationEndpoints(IGrainFactory grains, TokenVerifier tokens, RevocationReader revocations, TimeProvider time)
{
    /// <summary>Longest id of a token, in characters.</summary>
    public const int MaxId = 255;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>Revokes a token by its <c>jti</c>.</summary>
    public Task<IResult> RevokeToken(string id, HttpRequest request) =>
        id.Length <= MaxId ? Revoke(RevocationKind.Token, id, request) : Task.FromResult(ApiProblem.BadParameter("id", $"The id of a token has at most {MaxId} characters."));

    /// <summary>Revokes all that a user was given.</summary>
    public Task<IResult> RevokeUser(string user, HttpRequest request) =>
        ConnectionsEndpoints.CheckUser(user) is { } problem ? Task.FromResult(ApiProblem.BadParameter("user", problem)) : Revoke(RevocationKind.User, user, request);

    private async Task<IResult> Revoke(RevocationKind kind, string name, HttpRequest request)
    {
        if (!tokens.IsOn)
            return ApiProblem.Conflict("This server takes no tokens (Notify:Tokens is not configured): there is nothing to revoke.");
        var now = time.GetUtcNow();
        var until = now + tokens.RevocationLifetime;
        var query = new ApiQuery(request.Query);
        query.Text("expires", text =>
        {
            if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
                return "The parameter 'expires' must be a number of seconds since 1970: the \"exp\" of the last token this is about.";
            until = DateTimeOffset.FromUnixTimeSeconds(seconds) + tokens.ClockSkew;
            return until > now ? null : "The parameter 'expires' lies in the past: what has expired needs no revocation.";
        });
        if (query.Problem is not null)
            return query.Problem;
        RevocationResult result;
        try
        {
            result = await grains.GetGrain<IRevocationsGrain>(0).Revoke(new RevocationOrder(kind, name, until)).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception) when (!request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return ApiProblem.Unreachable("The list of revoked tokens");
        }
        // Here at once, if that can be; the others read it within their second.
        await revocations.Read().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return result.IsTaken
            ? TypedResults.Json(new RevocationReply(until.ToUnixTimeSeconds(), result.IsStored), ApiJson.Default.RevocationReply)
            : ApiProblem.Conflict($"There is no room for another revocation ({RevocationList.MaxCount}, or {RevocationList.MaxBytes >> 10} KiB of names); give each its 'expires', so that they end, or change the signing key.");
    }
}
