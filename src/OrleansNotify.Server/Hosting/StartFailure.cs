using System.Text.RegularExpressions;
using Azure;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace OrleansNotify.Server.Hosting;

/// <summary>Turns what a wrong setting or a taken port throws into one sentence.</summary>
internal static partial class StartFailure
{
    /// <summary>The sentence, or null for a fault that deserves its stack trace.</summary>
    public static string? Describe(Exception exception) => Sentence(exception) is { } sentence ? Secret().Replace(sentence, "$1=…") : null;

    private static string? Sentence(Exception exception) => exception switch
    {
        StartException problem => problem.Message,
        OptionsValidationException options => string.Join(Environment.NewLine, options.Failures),
        InvalidOperationException or IOException or FormatException => exception.Message,
        Orleans.Runtime.OrleansConfigurationException => exception.Message,
        System.Net.Sockets.SocketException => $"Cannot listen: {exception.Message}. Is another server running? Choose other ports by --urls, --Notify:Cluster:SiloPort and --Notify:Cluster:GatewayPort.",
        // What Orleans' own sections asked for; ours are tried before.
        RedisException or Orleans.Persistence.Redis.RedisStorageException => $"Redis cannot be used: {exception.Message} Look at Orleans:Clustering and Orleans:GrainStorage.",
        RequestFailedException or OrleansException { InnerException: RequestFailedException or AggregateException } =>
            $"Azure storage cannot be used: {exception.Message.Split('\n')[0].Trim()} Look at Orleans:Clustering and Orleans:GrainStorage.",
        AggregateException { InnerExceptions: [var inner, ..] } => Sentence(inner),
        _ => exception.InnerException is { } inner ? Sentence(inner) : null,
    };

    // In sentences that are not ours: what connection strings and their signatures call their secrets.
    [GeneratedRegex(@"\b(AccountKey|SharedAccessSignature|SharedAccessKey|password|pwd|sig)=[^;,&\s""']+", RegexOptions.IgnoreCase)]
    private static partial Regex Secret();
}
