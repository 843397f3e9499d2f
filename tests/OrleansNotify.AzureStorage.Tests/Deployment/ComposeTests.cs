using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansNotify.Testing;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>docker-compose.yml without Docker: what stands in it, and what it describes as processes of this machine.</summary>
public sealed partial class ComposeTests
{
    private static readonly ComposeFile Compose = ComposeFile.Parse(ComposeFile.OwnText);

    [Fact]
    public void Every_key_is_known_and_everything_it_names_exists() => Assert.Empty(Compose.Problems());

    [Theory]
    [InlineData("\nservices:", "\nversion: '3'\nservices:", "'version' is no top-level key.")]
    [InlineData("    restart: on-failure", "    restarts: on-failure", "Service silo: 'restarts' is no key there.")]
    [InlineData("      retries: 12", "      retry: 12", "Service azurite: 'retry' is no key there.")]
    [InlineData("stop_grace_period: 40s", "stop_grace_period: 40", "Service silo: stop_grace_period is no duration.")]
    [InlineData("      - silo\n", "      - silos\n", "Service balancer depends on silos, which is not defined.")]
    [InlineData("condition: service_healthy", "condition: healthy", "Service silo: 'healthy' is no condition.")]
    [InlineData("    healthcheck:", "    x-healthcheck:", "Service silo waits for azurite to be healthy, which has no health check.")]
    [InlineData("      - source: haproxy", "      - source: balancer", "Service balancer: config balancer is not defined.")]
    [InlineData("      - azurite:/azurite/data", "      - data:/azurite/data", "Service azurite: volume data is not defined.")]
    [InlineData("      - azurite:/azurite/data", "      - ./azurites:/azurite/data", "Service azurite: bound file ./azurites is not there.")]
    [InlineData("    command: [", "    networks: [inner]\n    command: [", "Service silo: network inner is not defined.")]
    [InlineData("src/OrleansNotify.Server/Dockerfile", "Dockerfile", "Service silo: Dockerfile is not there.")]
    [InlineData("maxconn 20000", "maxconn ${MAXCONN}", "A $ is not doubled: compose would put a variable there.")]
    public void A_mistake_in_it_is_found(string right, string wrong, string problem)
    {
        Assert.Contains(right, ComposeFile.OwnText, StringComparison.Ordinal);
        var at = ComposeFile.OwnText.IndexOf(right, StringComparison.Ordinal);
        Assert.Equal([problem], ComposeFile.Parse($"{ComposeFile.OwnText[..at]}{wrong}{ComposeFile.OwnText[(at + right.Length)..]}").Problems());
    }

    [Fact]
    public void The_balancer_alone_is_published_on_port_3000_of_this_machine()
    {
        Assert.Equal(["127.0.0.1:3000:3000"], Compose.List("balancer", "ports"));
        Assert.All(Compose.Services.Where(service => service != "balancer"), service => Assert.Empty(Compose.List(service, "ports")));
        Assert.Contains("bind :3000", Lines(Compose.Config("haproxy")));
    }

    [Fact]
    public void Three_silos_listen_where_the_balancer_looks_for_them_and_where_their_health_is_checked()
    {
        Assert.Equal(3, Compose.Replicas("silo"));
        var port = new Uri(Compose.Environment("silo")["URLS"]).Port;
        var (service, at) = Template();
        Assert.Equal(("silo", port), (service, at));
        var image = Compose.Dockerfile("silo").Final;
        Assert.Equal(port, new Uri(image.Single(line => line.Word == "HEALTHCHECK").Exec()[^1]).Port);
        Assert.Contains($"{port}", image.Single(line => line.Word == "EXPOSE").Rest.Split(' '));
    }

    [Fact]
    public void No_client_is_bound_to_a_silo()
    {
        var words = Lines(Compose.Config("haproxy")).Where(line => !line.StartsWith('#')).SelectMany(line => line.Split(' ')).ToHashSet();
        Assert.Empty(words.Intersect(["cookie", "stick", "stick-table", "appsession", "persist", "source", "uri", "url_param", "hdr", "hash", "rdp-cookie"]));
        Assert.Contains("balance leastconn", Lines(Compose.Config("haproxy")));
    }

    [Fact]
    public void Azurite_s_image_has_every_file_it_runs_and_another_user_than_root()
    {
        var image = Compose.Dockerfile("azurite");
        Assert.Empty(image.MissingSources());
        var run = image.Final.Single(line => line.Word == "CMD").Exec();
        Assert.Equal(["node", "start.mjs"], run); // what AzuriteProcess starts
        var needed = new[] { run[1], Compose.Healthcheck("azurite")[1] }
            .SelectMany(module => Import().Matches(File.ReadAllText(Path.Combine(AzuriteInstallation.Folder, module))).Select(found => found.Groups[1].Value).Append(module));
        Assert.Empty(needed.Except(image.Sources()));
        Assert.Equal("node", image.Final.Last(line => line.Word == "USER").Rest);
    }

    [Fact]
    public async Task HAProxy_accepts_its_configuration_as_it_stands()
    {
        var (code, said) = await HaproxyProcess.Check(Compose.Config("haproxy"));
        Assert.True(code == 0, said);
        Assert.DoesNotContain("[WARNING]", said, StringComparison.Ordinal);
    }

    [Fact]
    public void The_balancer_may_open_the_files_its_connections_need()
    {
        // Two for each connection, and those it starts with.
        Assert.True(Compose.OpenFiles("balancer") >= (2 * MaxConnections()) + 100);
    }

    [Fact(Timeout = 170_000)]
    public async Task What_it_describes_serves_through_the_balancer_and_recovers_the_clients_of_a_silo_that_was_killed()
    {
        // Its start.mjs is the command in the image. AZURITE_HOST (0.0.0.0: all of a container) becomes 127.0.0.1, the ports free ones, /azurite/data a temporary folder.
        await using var azurite = await AzuriteProcess.StartAsync();
        Assert.Equal(0, await AzuriteHealth(azurite));

        var starting = Enumerable.Range(0, Compose.Replicas("silo")).Select(_ => StartSilo(azurite)).ToList();
        var silos = new List<ServerProcess>();
        try
        {
            foreach (var start in starting)
                silos.Add(await start);
            foreach (var silo in silos)
                await Until.Equal((silos.Count, false), $"silos known at {silo.BaseAddress}, and whether some are missing", () => Known(silo.Http), TimeSpan.FromSeconds(30));
            await EveryoneHearsEveryone(silos);

            var port = Ports.Free();
            await using var balancer = HaproxyProcess.Start(BalancerConfig(port, silos));
            await AClientRecovers(new Uri($"http://127.0.0.1:{port}"), silos, balancer);
        }
        finally
        {
            foreach (var start in starting)
            {
                await ((Task)start).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
                if (start.IsCompletedSuccessfully)
                    await (await start).DisposeAsync();
            }
        }
    }

    private static async Task EveryoneHearsEveryone(List<ServerProcess> silos)
    {
        var clients = await Task.WhenAll(silos.Select(silo => silo.ConnectAsync()));
        try
        {
            foreach (var client in clients)
                await client.Subscribe("compose");
            for (var i = 0; i < silos.Count; i++)
                await silos[i].Publish("compose", $$"""{"n":{{i}}}""");
            foreach (var client in clients)
                Assert.Equal(Enumerable.Range(0, silos.Count), (await client.TakeEvents(silos.Count, "compose", TimeSpan.FromSeconds(30))).Select(N));
        }
        finally
        {
            foreach (var client in clients)
                await client.DisposeAsync();
        }
    }

    private static async Task AClientRecovers(Uri address, List<ServerProcess> silos, HaproxyProcess balancer)
    {
        using var http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(10) };
        await Until.Equal((HttpStatusCode?)HttpStatusCode.OK, "the balancer's /health/ready", () => Ready(http, balancer), TimeSpan.FromSeconds(20));
        var client = await Connect(address);
        var dead = await SiloOfTheOnlyConnection(http);
        // The channel lives on the silo that will be killed, too: what comes back can only come from the store.
        var (channel, epoch) = await ChannelOn(dead, client, http);
        Assert.Equal((1UL, 1), (await client.TakeEvents(1, channel)).Select(frame => (frame.Offset!.Value, N(frame))).Single());

        await silos.Single(silo => dead.Contains($":{silo.SiloPort}:", StringComparison.Ordinal)).KillAsync();
        await client.Ended.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System);
        await client.DisposeAsync();
        await Publish(http, channel, 2);
        await StreamsRecover(http, channel, epoch);

        await using var again = await Connect(address);
        await again.Send(new { type = "subscribe", channel, recover = new { epoch, offset = 1 } });
        var subscribed = await again.Next("subscribed", TimeSpan.FromSeconds(30));
        Assert.True(subscribed.Json.GetProperty("recovered").GetBoolean(), subscribed.Text);
        await Publish(http, channel, 3);
        Assert.Equal([(2UL, 2), (3UL, 3)], (await again.TakeEvents(2, channel, TimeSpan.FromSeconds(30))).Select(frame => (frame.Offset!.Value, N(frame))));
    }

    // Server-Sent Events pass the balancer as they come, and nothing binds who comes back to the silo it was on: each of the next connections goes elsewhere.
    private static async Task StreamsRecover(HttpClient http, string channel, string epoch)
    {
        var streams = new List<SseClient>();
        try
        {
            for (var i = 0; i < 2; i++)
            {
                streams.Add(await SseClient.ConnectAsync(http, $"channel={channel}", $"{epoch}:1"));
                Assert.True((await streams[i].Next(TimeSpan.FromSeconds(30))).Frame.Json.GetProperty("recovered").GetBoolean());
                Assert.Equal((2UL, 2), (await streams[i].Next()) is { Frame: var frame } ? (frame.Offset!.Value, N(frame)) : default);
            }
            var connections = (await http.GetFromJsonAsync<JsonElement>("api/connections")).GetProperty("connections").EnumerateArray();
            Assert.Equal(2, connections.Select(connection => (connection.GetProperty("transport").GetString(), connection.GetProperty("silo").GetString())).Where(c => c.Item1 == "sse").Distinct().Count());
        }
        finally
        {
            foreach (var stream in streams)
                await stream.DisposeAsync();
        }
    }

    // The file's command and environment. Another address than a container's: the URL's 0.0.0.0:8080, azurite's ports, and what keeps silos of one machine apart and on it.
    private static Task<ServerProcess> StartSilo(AzuriteProcess azurite)
    {
        var (http, silo) = (Ports.Free(), Ports.Free());
        var environment = Compose.Environment("silo").ToDictionary(
            variable => variable.Key,
            string? (variable) => variable.Value
                .Replace("0.0.0.0:8080", $"127.0.0.1:{http}", StringComparison.Ordinal)
                .Replace("azurite:10000", $"127.0.0.1:{azurite.BlobPort}", StringComparison.Ordinal)
                .Replace("azurite:10001", $"127.0.0.1:{azurite.QueuePort}", StringComparison.Ordinal)
                .Replace("azurite:10002", $"127.0.0.1:{azurite.TablePort}", StringComparison.Ordinal));
        environment["Notify__Cluster__AdvertisedAddress"] = "127.0.0.1";
        environment["Notify__Cluster__SiloPort"] = $"{silo}";
        environment["Notify__Cluster__GatewayPort"] = $"{Ports.Free()}";
        environment["ASPNETCORE_HTTP_PORTS"] = $"{Ports.Free()}"; // the base image says 8080 in it: URLS has to win
        return ServerProcess.StartExactlyAsync(http, silo, environment, Compose.List("silo", "command"));
    }

    // The file's check, as the container runs it: in its folder, with its environment.
    private static async Task<int> AzuriteHealth(AzuriteProcess azurite)
    {
        var check = Compose.Healthcheck("azurite");
        var environment = Compose.Environment("azurite").ToDictionary(variable => variable.Key, string? (variable) => variable.Value);
        environment["AZURITE_BLOB_PORT"] = $"{azurite.BlobPort}";
        environment["AZURITE_QUEUE_PORT"] = $"{azurite.QueuePort}";
        environment["AZURITE_TABLE_PORT"] = $"{azurite.TablePort}";
        await using var process = ChildProcess.Start(check[0], check[1..], AzuriteInstallation.Folder, environment);
        return await process.Exited();
    }

    // The file's configuration. Where it asks Docker's name server for the silos, their addresses stand here; and HAProxy must find two file descriptors for each
    // of maxconn, which the limit of whoever runs the tests need not allow.
    private static string BalancerConfig(int port, List<ServerProcess> silos)
    {
        var template = ServerTemplate().Match(Compose.Config("haproxy"));
        var options = template.Groups["options"].Value.Replace(" resolvers docker init-addr none", "", StringComparison.Ordinal);
        var servers = silos.Select((silo, i) => $"server silo{i + 1} 127.0.0.1:{silo.Port} {options}");
        return Compose.Config("haproxy").Replace(template.Value, string.Join("\n  ", servers), StringComparison.Ordinal)
            .Replace("bind :3000", $"bind 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace($"maxconn {MaxConnections()}", "maxconn 100", StringComparison.Ordinal);
    }

    private static int MaxConnections() =>
        int.Parse(Lines(Compose.Config("haproxy")).Single(line => line.StartsWith("maxconn ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    private static (string Service, int Port) Template()
    {
        var found = ServerTemplate().Match(Compose.Config("haproxy"));
        return (found.Groups["host"].Value, int.Parse(found.Groups["port"].Value, CultureInfo.InvariantCulture));
    }

    // As the page does: a browser sends the origin, which is the balancer's address.
    private static async Task<WsClient> Connect(Uri address)
    {
        WsClient? client = null;
        await Until.True(
            $"{address} to accept a WebSocket",
            async () =>
            {
                try
                {
                    var origin = new Dictionary<string, string> { ["Origin"] = address.GetLeftPart(UriPartial.Authority) };
                    client = await WsClient.ConnectAsync(new UriBuilder(address) { Scheme = "ws", Path = "/ws" }.Uri, headers: origin, timeout: TimeSpan.FromSeconds(5));
                    return true;
                }
                catch (Exception notYet) when (notYet is System.Net.WebSockets.WebSocketException or TimeoutException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(20));
        return client!;
    }

    private static async Task<string> SiloOfTheOnlyConnection(HttpClient http)
    {
        var connections = await Until.Value(
            "one connection in the cluster", async () => (await http.GetFromJsonAsync<JsonElement>("api/connections")).GetProperty("connections"), all => all.GetArrayLength() == 1);
        return connections[0].GetProperty("silo").GetString()!;
    }

    private static async Task<(string Name, string Epoch)> ChannelOn(string silo, WsClient client, HttpClient http)
    {
        for (var i = 0; i < 100; i++)
        {
            var subscribed = await client.Subscribe($"durable:{i}");
            var all = (await http.GetFromJsonAsync<JsonElement>("api/channels?limit=1000")).GetProperty("channels").EnumerateArray();
            if (all.Single(channel => channel.GetProperty("channel").GetString() == subscribed.Channel).GetProperty("silo").GetString() != silo)
                continue;
            await Publish(http, subscribed.Channel!, 1);
            return (subscribed.Channel!, subscribed.Epoch!);
        }

        throw new InvalidOperationException($"None of 100 channels lives on {silo}.");
    }

    // Until it is accepted, as a publisher does: with one key, so that it is stored once.
    private static Task Publish(HttpClient http, string channel, int n) => Until.Equal(
        (HttpStatusCode?)HttpStatusCode.Accepted,
        $"the answer to publication {n}",
        () => Status(http, new(HttpMethod.Post, "api/events") { Content = JsonContent.Create(new { channel, data = new { n }, idempotencyKey = $"n{n}" }) }),
        TimeSpan.FromSeconds(60));

    private static async Task<HttpStatusCode?> Status(HttpClient http, HttpRequestMessage request)
    {
        try
        {
            using (request)
            using (var reply = await http.SendAsync(request))
                return reply.StatusCode;
        }
        catch (Exception notYet) when (notYet is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    private static Task<HttpStatusCode?> Ready(HttpClient http, HaproxyProcess balancer)
    {
        balancer.MustRun();
        return Status(http, new(HttpMethod.Get, "health/ready"));
    }

    private static async Task<(int Silos, bool Partial)> Known(HttpClient http)
    {
        var stats = await http.GetFromJsonAsync<JsonElement>("api/stats");
        return (stats.GetProperty("silos").GetInt32(), stats.GetProperty("partial").GetBoolean());
    }

    private static int N(WsFrame frame) => frame.Data.GetProperty("n").GetInt32();

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    [GeneratedRegex("""from "\./([^"]+)";""")]
    private static partial Regex Import();

    [GeneratedRegex(@"server-template \S+ \d+ (?<host>[^:\s]+):(?<port>\d+) (?<options>.+)")]
    private static partial Regex ServerTemplate();
}
