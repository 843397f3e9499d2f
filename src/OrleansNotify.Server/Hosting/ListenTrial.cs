using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Orleans.Configuration;

namespace OrleansNotify.Server.Hosting;

/// <summary>
/// Tries what the server is to listen on before the silo joins its cluster: certificates, addresses, and that they are free. Kestrel itself comes after the
/// silo, and does not say which setting it was; so it reads every endpoint here by itself, as it will later.
/// </summary>
/// <param name="configuration">All of it.</param>
/// <param name="insecure">Whether the network is trusted.</param>
internal sealed class ListenTrial(IConfiguration configuration, bool insecure)
{
    private const string Section = "Kestrel";
    private const string DefaultCertificate = "Certificates:Default";

    /// <summary>Tries the web's.</summary>
    /// <param name="services">The host's.</param>
    /// <param name="added">Addresses that code has added; they go before those of the configuration.</param>
    /// <param name="bind">Whether to try that they are free; else only whether they may be listened on.</param>
    /// <exception cref="StartException">One cannot be listened on, or must not.</exception>
    public void Check(IServiceProvider services, IEnumerable<string> added, bool bind = true)
    {
        var kestrel = configuration.GetSection(Section);
        CheckCertificate(services, kestrel.GetSection(DefaultCertificate));
        var common = kestrel.GetChildren().Where(child => child.Key != "Endpoints").SelectMany(child => Values(child, child.Key)).ToList();
        var endpoints = kestrel.GetSection("Endpoints").GetChildren().ToList();
        foreach (var endpoint in endpoints)
        {
            CheckCertificate(services, endpoint.GetSection("Certificate"));
            foreach (var name in endpoint.GetSection("Sni").GetChildren())
                CheckCertificate(services, name.GetSection("Certificate"));
            CheckAddress(endpoint.Path, endpoint["Url"] ?? "");
            Load(endpoint.Path, services, [.. common, .. Values(endpoint, $"Endpoints:{endpoint.Key}")], bind);
        }
        if (endpoints.Count > 0)
            return;
        foreach (var (setting, address) in Addresses(added))
        {
            CheckAddress(setting, address);
            Load(setting, services, [.. common, new("Endpoints:Url:Url", address)], bind);
        }
    }

    /// <summary>Tries the silo's.</summary>
    /// <exception cref="StartException">One cannot be listened on.</exception>
    public static void Check(EndpointOptions silo, string siloSetting, string gatewaySetting)
    {
        var (listening, gateway) = ListenGuard.EndPoints(silo);
        Bind(siloSetting, listening);
        if (gateway is not null)
            Bind(gatewaySetting, gateway);
    }

    // As the host makes them up.
    private (string Setting, string Address)[] Addresses(IEnumerable<string> added)
    {
        static string[] Split(string? list) => list?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

        (string, string)[] addresses = [.. added.Concat(Split(configuration["urls"])).Select(address => ("urls", address))];
        return addresses.Length > 0 ? addresses :
        [
            .. Split(configuration["http_ports"]).Select(port => ("http_ports", $"http://*:{port}")),
            .. Split(configuration["https_ports"]).Select(port => ("https_ports", $"https://*:{port}")),
        ];
    }

    // Kestrel takes what is no port for a part of the host's name, and a host's name for every address there is; port 0 of localhost it refuses when it binds.
    private static void CheckAddress(string setting, string address)
    {
        if (address.Contains("://unix:", StringComparison.Ordinal))
            return;
        var named = address.Replace("://*", "://any", StringComparison.Ordinal).Replace("://+", "://any", StringComparison.Ordinal);
        if (!Uri.TryCreate(named, UriKind.Absolute, out var uri) || uri is { Host: "localhost", Port: 0 })
            throw new StartException($"{setting} ('{address}') must be an address such as {NotifyServer.DefaultUrl} or http://127.0.0.1:0.");
    }

    // Any certificate can stand in the default one's place.
    private static void CheckCertificate(IServiceProvider services, IConfigurationSection certificate)
    {
        if (certificate.Exists())
            Load(certificate.Path, services, Values(certificate, DefaultCertificate), listen: null);
    }

    private void Load(string setting, IServiceProvider services, IEnumerable<KeyValuePair<string, string?>> kestrel, bool bind) =>
        Load(setting, services, kestrel, endpoint =>
        {
            ListenGuard.Check(endpoint, insecure);
            if (bind)
                Bind(setting, endpoint);
        });

    private static void Load(string setting, IServiceProvider services, IEnumerable<KeyValuePair<string, string?>> kestrel, Action<IPEndPoint>? listen)
    {
        var options = new KestrelServerOptions { ApplicationServices = services };
        options.ConfigureEndpointDefaults(defaults =>
        {
            if (defaults.IPEndPoint is { } endpoint)
                listen?.Invoke(endpoint);
        });
        try
        {
            options.Configure(new ConfigurationBuilder().AddInMemoryCollection(kestrel).Build()).Load();
        }
        catch (Exception problem) when (problem is not StartException) // whatever it is, it is about this setting
        {
            throw new StartException($"{setting} cannot be used: {problem.Message.Split('\n')[0].Trim()}", problem);
        }
    }

    // Bound as Kestrel and Orleans do, and free again at once.
    private static void Bind(string setting, IPEndPoint endpoint)
    {
        try
        {
            SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint).Dispose();
        }
        catch (SocketException problem) when (problem.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            throw new StartException($"{setting}: cannot listen on {endpoint}: address already in use. Is another server running?", problem);
        }
        catch (SocketException problem) when (problem.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AccessDenied)
        {
            throw new StartException($"{setting}: cannot listen on {endpoint}: {problem.Message}.", problem);
        }
        catch (SocketException)
        {
            // Such as no IPv6 here: Kestrel goes another way then.
        }
    }

    private static IEnumerable<KeyValuePair<string, string?>> Values(IConfigurationSection section, string under) =>
        section.AsEnumerable(makePathsRelative: true).Select(pair => KeyValuePair.Create(pair.Key.Length == 0 ? under : $"{under}:{pair.Key}", pair.Value));
}
