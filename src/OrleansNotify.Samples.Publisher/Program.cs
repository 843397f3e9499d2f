// Publishes to a channel without HTTP: an Orleans client of the cluster calls the channel's grain.
//   dotnet run --project src/OrleansNotify.Samples.Publisher -- <gateway> <channel> <json> [<json> …]
//   dotnet run --project src/OrleansNotify.Samples.Publisher -- 127.0.0.1:30000 notifications '{"message":"hello"}'
using System.Net;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

if (args.Length < 3 || !IPEndPoint.TryParse(args[0], out var gateway))
{
    Console.Error.WriteLine("Usage: <gateway, such as 127.0.0.1:30000> <channel> <json> [<json> …]");
    return 2;
}
if (!ChannelName.TryCheck(args[1], out var problem))
{
    Console.Error.WriteLine(problem);
    return 2;
}

// A draft can only be made of a payload that passes the same check as over HTTP.
var drafts = new List<PublicationDraft>();
foreach (var json in args[2..])
{
    if (!PublicationDraft.TryCreate(Encoding.UTF8.GetBytes(json), out var draft, out var why))
    {
        Console.Error.WriteLine($"{json}: {why}");
        return 2;
    }
    drafts.Add(draft);
}

var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.UseOrleansClient(client => client
    .UseStaticClustering(gateway)
    .Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("notify", "notify")));
using var host = builder.Build();
await host.StartAsync();

var channel = host.Services.GetRequiredService<IClusterClient>().GetGrain<IChannelGrain>(args[1]);
foreach (var result in await channel.Publish([.. drafts]))
    Console.WriteLine(result.Refusal == PublishRefusal.None ? $"{result.Id} at {result.Position.Epoch}:{result.Position.Offset}" : $"refused: {result.Refusal}");

await host.StopAsync();
return 0;
