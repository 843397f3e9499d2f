using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Under <c>/api</c> every error has a problem+json body: what routing refuses as well as what we did not foresee.</summary>
internal sealed partial class ApiErrors(RequestDelegate next, ILogger<ApiErrors> logger)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal))
            return next(context);
        // An endpoint that answers all of its errors itself needs nobody behind it; that is the publication path.
        return context.GetEndpoint()?.Metadata.GetMetadata<AnswersItsErrors>() is null ? Guard(context) : next(context);
    }

    private async Task Guard(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // nobody is there to be answered
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            await ApiProblem.Write(context, exception.StatusCode, "The request could not be read.");
            return;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            LogUnforeseen(context.Request.Method, exception);
            context.Response.Clear();
            await ApiProblem.Write(context, StatusCodes.Status500InternalServerError, "A fault of the server's; it has been logged.");
            return;
        }
        var response = context.Response;
        if (response.HasStarted || response.StatusCode < StatusCodes.Status400BadRequest || response.ContentType is not null || response.ContentLength is not null)
            return;
        await ApiProblem.Write(context, response.StatusCode, response.StatusCode switch
        {
            StatusCodes.Status404NotFound => "There is nothing at this address; /openapi/v1.json lists what there is.",
            StatusCodes.Status405MethodNotAllowed => "This address does not take this method; see the header Allow.",
            _ => "The request was refused.",
        });
    }

    [LoggerMessage(4020, LogLevel.Error, "An unforeseen fault in {Method} under /api.")]
    private partial void LogUnforeseen(string method, Exception exception);
}

/// <summary>Marks an endpoint that throws nothing and gives each of its errors a body.</summary>
internal sealed class AnswersItsErrors
{
    public static AnswersItsErrors Instance { get; } = new();
}
