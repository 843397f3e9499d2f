using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary><c>token connection|subscription</c>: makes a token for trying things out, as an application's backend would. It prints the token and nothing else.</summary>
internal static class TokenVerb
{
    private const string Usage =
        "token connection --sub USER --exp 1h [--channel NAME]… [--allow CHANNEL-OR-PATTERN]… [--info JSON] [--meta JSON], or token subscription --sub USER --channel NAME --exp 1h [--info JSON]; with --key-file PEM and --kid ID for RS256 or ES256.";

    /// <summary>Makes one and returns the exit code.</summary>
    /// <param name="args">What stands behind the verb.</param>
    /// <param name="output">Where the token goes.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="StartException">It cannot be made.</exception>
    public static int Run(string[] args, TextWriter output, TimeProvider time)
    {
        if (args is not [("connection" or "subscription") and var kind, .. var rest])
            throw new StartException($"Which token? {Usage}");
        string[] own = kind == "connection"
            ? ["--sub", "--exp", "--channel", "--allow", "--info", "--meta", "--key-file", "--kid"]
            : ["--sub", "--exp", "--channel", "--info", "--key-file", "--kid"];
        var arguments = new VerbArguments(rest, own);
        var options = new TokenOptions();
        arguments.Configuration.GetSection(TokenOptions.Section).BindStrictly(options);
        var claims = Claims(arguments, options, connection: kind == "connection", time.GetUtcNow());
        using var key = SigningKey.Of(arguments.Optional("--key-file"), arguments.Optional("--kid"), options);
        output.WriteLine(new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(claims, key.Credentials));
        return 0;
    }

    private static string Claims(VerbArguments arguments, TokenOptions options, bool connection, DateTimeOffset now)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("sub", User(arguments.Required("--sub", "a user id")));
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", (now + Lifetime(arguments.Required("--exp", "how long it is valid, such as 30m, 1h or 7d"))).ToUnixTimeSeconds());
            if (options.Issuer.Length > 0)
                json.WriteString("iss", options.Issuer);
            if (options.Audience.Length > 0)
                json.WriteString("aud", options.Audience);
            if (connection)
                WriteConnection(json, arguments);
            else
                json.WriteString("channel", Channel(arguments.Required("--channel", "the name of a channel (quote a '$' for the shell)")));
            WriteJson(json, arguments, "info");
            WriteJson(json, arguments, "meta");
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static void WriteConnection(Utf8JsonWriter json, VerbArguments arguments)
    {
        if (arguments.All("--channel") is { Count: > 0 } channels)
        {
            json.WriteStartArray("channels");
            foreach (var channel in channels)
                json.WriteStringValue(Channel(channel));
            json.WriteEndArray();
        }
        var allowed = arguments.All("--allow").Distinct().ToList();
        if (!ChannelGrants.TryRead(allowed, out _, out var wrong))
            throw new StartException($"--allow takes a channel or a pattern such as chat.* or chat.**, not '{allowed[wrong.Value]}'.");
        if (allowed.Count == 0)
            return;
        json.WriteStartObject("subs");
        foreach (var grant in allowed)
        {
            json.WriteStartObject(grant);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteJson(Utf8JsonWriter json, VerbArguments arguments, string claim)
    {
        if (arguments.Optional("--" + claim) is not { } text)
            return;
        var utf8 = Encoding.UTF8.GetBytes(text);
        if (!JsonPayload.TryCheck(utf8, out _, out var problem))
            throw new StartException($"--{claim}: {problem}");
        json.WritePropertyName(claim);
        json.WriteRawValue(utf8, skipInputValidation: true); // checked one line above
    }

    private static string User(string user) => ChannelName.IsUserId(user)
        ? user
        : throw new StartException($"--sub takes a user id, 1 to {ChannelName.MaxUserIdLength} of A-Z a-z 0-9 _ . @ = + ~ : -");

    private static string Channel(string channel) => ChannelName.TryCheck(channel, out var problem) ? channel : throw new StartException($"--channel: {problem}");

    private static TimeSpan Lifetime(string text)
    {
        var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3_600, 'd' => 86_400, _ => 0 };
        // Up to 10 years.
        return unit > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 && (long)count * unit <= 3650L * 86_400
            ? TimeSpan.FromSeconds((long)count * unit)
            : throw new StartException($"--exp takes a number with s, m, h or d, such as 30m or 1h, at most 3650d, not '{text}'.");
    }
}
