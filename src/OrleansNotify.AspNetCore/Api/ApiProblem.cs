using Microsoft.AspNetCore.Http;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>
/// What is said when a request fails: RFC 9457 problem+json with a sentence that says what is wrong and what to do. No other place answers 429 or 503: each says when
/// to come back.
/// </summary>
internal static class ApiProblem
{
    // Nothing is lost by asking again after so many seconds.
    private const string RetryAfterSeconds = "1";

    /// <summary>Writes the problem.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">400–599.</param>
    /// <param name="detail">The sentence.</param>
    /// <param name="field">The field or parameter that is wrong, or null.</param>
    /// <param name="outcome">Of a publish: <c>not_accepted</c> or <c>unknown</c>; or null.</param>
    public static Task Write(HttpContext context, int status, string detail, string? field = null, string? outcome = null)
    {
        SayWhenToComeBack(context.Response, status);
        Dictionary<string, object?>? extensions = null;
        if (field is not null)
            (extensions = [])["field"] = field;
        if (outcome is not null)
            (extensions ??= [])["outcome"] = outcome;
        return TypedResults.Problem(detail, statusCode: status, extensions: extensions).ExecuteAsync(context);
    }

    /// <summary>Of an answer that is no problem+json: adds Retry-After to a 429 and a 503.</summary>
    public static void SayWhenToComeBack(HttpResponse response, int status)
    {
        if (status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            response.Headers.RetryAfter = RetryAfterSeconds;
    }

    /// <summary>A silo or grain does not answer.</summary>
    public static IResult Unreachable(string what) => new Answer(StatusCodes.Status503ServiceUnavailable, $"{what} cannot be reached now; try again in a moment.", null);

    /// <summary>A parameter is wrong.</summary>
    public static IResult BadParameter(string field, string detail) => new Answer(StatusCodes.Status400BadRequest, detail, field);

    /// <summary>There is no such thing.</summary>
    public static IResult NotFound(string detail) => new Answer(StatusCodes.Status404NotFound, detail, null);

    /// <summary>Not as things stand.</summary>
    public static IResult Conflict(string detail) => new Answer(StatusCodes.Status409Conflict, detail, null);

    /// <summary>Not with this key.</summary>
    public static IResult Forbidden(string detail) => new Answer(StatusCodes.Status403Forbidden, detail, null);

    private sealed class Answer(int status, string detail, string? field) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => Write(httpContext, status, detail, field);
    }
}
