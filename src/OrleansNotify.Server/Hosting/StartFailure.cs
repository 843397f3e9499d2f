using Microsoft.Extensions.Options;

namespace OrleansNotify.Server.Hosting;

/// <summary>Turns what a wrong setting or a taken port throws into one sentence.</summary>
internal static class StartFailure
{
    /// <summary>The sentence, or null for a fault that deserves its stack trace.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        OptionsValidationException options => string.Join(Environment.NewLine, options.Failures),
        InvalidOperationException or IOException or FormatException => exception.Message,
        Orleans.Runtime.OrleansConfigurationException => exception.Message,
        System.Net.Sockets.SocketException => $"Cannot listen: {exception.Message}. Is another server running? Choose other ports by --urls, --Notify:Cluster:SiloPort and --Notify:Cluster:GatewayPort.",
        AggregateException { InnerExceptions: [var inner, ..] } => Describe(inner),
        _ => exception.InnerException is { } inner ? Describe(inner) : null,
    };
}
