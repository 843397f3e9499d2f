using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansNotify.Benchmarks.Load.Peers;

/// <summary>ASP.NET Core SignalR as one would use it: a group for each channel, a POST endpoint that sends to the group, the JSON protocol.</summary>
internal static class SignalRPeer
{
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.Services.AddSignalR(hubs => hubs.ClientTimeoutInterval = TimeSpan.FromMinutes(10)); // the generator only listens: no pings of its own
        var app = builder.Build();
        app.MapHub<Events>("/hub");
        app.MapPost("/api/events", (RequestDelegate)(async context =>
        {
            var hub = context.RequestServices.GetRequiredService<IHubContext<Events>>();
            var posted = await JsonSerializer.DeserializeAsync(context.Request.Body, PeerJson.Default.PeerEvent, context.RequestAborted);
            await hub.Clients.Group(posted!.Channel).SendAsync("event", posted.Channel, posted.Data, context.RequestAborted);
            await Peer.Accept(context);
        }));
        return app;
    }

    // Public: SignalR makes it.
    public sealed class Events : Hub
    {
        public Task Subscribe(string channel) => Groups.AddToGroupAsync(Context.ConnectionId, channel);
    }
}
