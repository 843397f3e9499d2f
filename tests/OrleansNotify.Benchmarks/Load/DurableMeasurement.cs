using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Sqlite;
using OrleansNotify.Testing;
using StackExchange.Redis;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// What group commit is worth: acknowledged publishes a second of one durable channel, by one publisher and by 64 spread over three silos, on each store
/// in turn, round by round. Writes <c>results/durable.md</c>.
/// </summary>
internal static class DurableMeasurement
{
    private const int Publishers = 64;
    private const int Bytes = 200;
    private static readonly TimeSpan For = TimeSpan.FromSeconds(3);

    private static readonly (string Name, Func<Task<Store>> Open)[] Stores =
    [
        ("SQLite (fsync)", OpenSqlite),
        ("Redis, appendfsync always", () => OpenRedis("always")),
        ("Redis, appendfsync everysec", () => OpenRedis("everysec")),
        ("Azurite, tables", OpenAzurite),
    ];

    public static async Task RunAsync(string[] args)
    {
        var rounds = args is [var given, ..] ? int.Parse(given, CultureInfo.InvariantCulture) : 3;
        var results = Stores.ToDictionary(store => store.Name, _ => new List<(double One, double Many)>());
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var (name, open) in Stores)
            {
                await using var store = await open();
                var result = await Measure(store.Configure);
                Console.WriteLine($"round {round}: {name}: one {result.One:F0}/s, {Publishers} publishers {result.Many:F0}/s");
                if (round > 0) // the first one compiles
                    results[name].Add(result);
            }
        }
        await Results.WriteAsync("durable.md", Table(results, rounds));
    }

    private static async Task<(double One, double Many)> Measure(Action<ISiloBuilder> configure)
    {
        var builder = new InProcessTestClusterBuilder(3) { Options = { ConfigureFileLogging = false, InitializeClientOnDeploy = false } };
        builder.ConfigureSiloHost((_, host) => host.Configuration.AddInMemoryCollection([KeyValuePair.Create("Notify:Namespaces:d:Class", (string?)"Durable")]));
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddChannels(silo.Configuration).AddFrontEndStreams();
            silo.Services.AddMetrics().AddSingleton<SubscriptionCounts>().AddSingleton<NotifyMetrics>().AddSingleton<ChannelPublisher>();
            configure(silo);
        });
        await using var cluster = builder.Build();
        await cluster.DeployAsync();
        var silos = cluster.Silos.Select(s => s.ServiceProvider.GetRequiredService<ChannelPublisher>()).ToArray();
        await Rate(silos, "d:warm", Publishers);
        return (await Rate(silos, "d:one", 1), await Rate(silos, "d:many", Publishers));
    }

    private static async Task<double> Rate(ChannelPublisher[] silos, string channel, int publishers)
    {
        var draft = PublicationDraft.FromChecked(Encoding.UTF8.GetBytes('"' + new string('x', Bytes - 2) + '"'), PayloadShape.Value, null, null, null, null, null);
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, publishers).Select(Publish));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<int> Publish(int number)
        {
            var publisher = silos[number % silos.Length];
            var count = 0;
            while (Stopwatch.GetElapsedTime(began) < For)
            {
                if ((await publisher.Publish(channel, draft)).Refusal == PublishRefusal.None)
                    count++;
            }
            return count;
        }
    }

    private static Task<Store> OpenSqlite()
    {
        var folder = Directory.CreateTempSubdirectory("durable-");
        return Task.FromResult(new Store(
            silo => silo.AddSqliteGrainStorage(ChannelStorage.ProviderName, options => options.Path = Path.Combine(folder.FullName, "notify.db")),
            () =>
            {
                folder.Delete(recursive: true);
                return ValueTask.CompletedTask;
            }));
    }

    private static async Task<Store> OpenRedis(string fsync)
    {
        var redis = await RedisProcess.StartAsync(new RedisSettings { AppendFsync = fsync });
        return new Store(
            silo => silo.AddRedisGrainStorage(ChannelStorage.ProviderName, options => options.ConfigurationOptions = ConfigurationOptions.Parse(redis.ConnectionString)),
            redis.DisposeAsync);
    }

    private static async Task<Store> OpenAzurite()
    {
        var azurite = await AzuriteProcess.StartAsync();
        return new Store(
            silo => silo.AddAzureTableGrainStorage(ChannelStorage.ProviderName, options => options.ConfigureTableServiceClient(azurite.ConnectionString)),
            azurite.DisposeAsync);
    }

    private static string Table(Dictionary<string, List<(double One, double Many)>> results, int rounds)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Group commit

            Acknowledged publishes a second of one durable channel, {Bytes} bytes each: one publisher that waits for each answer, and {Publishers} of them spread over three silos of one
            process, each through its silo's publisher as HTTP requests go. Each store in turn, {rounds} rounds, a fresh cluster and store each time; median (min–max). {RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores.
            Trust the ratios. To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- durable`.

            | store | one publisher | {Publishers} publishers | ratio |
            |---|---|---|---|
            """);
        foreach (var (name, values) in results)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {Spread(values.Select(v => v.One))} | {Spread(values.Select(v => v.Many))} | {Median(values.Select(v => v.Many / v.One)):F0} × |");
        }
        return text.ToString();
    }

    private static string Spread(IEnumerable<double> values) =>
        string.Create(CultureInfo.InvariantCulture, $"{Median(values):N0} ({values.Min():N0}–{values.Max():N0})");

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private sealed record Store(Action<ISiloBuilder> Configure, Func<ValueTask> Close) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Close();
    }
}
