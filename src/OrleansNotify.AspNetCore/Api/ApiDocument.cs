using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>What the OpenAPI document says beyond what the endpoints' own types say.</summary>
internal static class ApiDocument
{
    /// <summary>Name of the document: <c>/openapi/v1.json</c>.</summary>
    public const string Name = "v1";

    private const string Json = "application/json";

    private const string Event = """
        {"channel":"notifications","event":"update","tags":["app"],"data":{"message":"New update available!","priority":"high"}}
        """;

    private const string Accepted = """
        {"id":"evt_0192f0c1d2e37abc8def0123456789ab","channel":"notifications","epoch":"1-192f0c1d2e3-9f8e7d6c5b4a3921","offset":1}
        """;

    private const string Batch = """
        [{"channel":"notifications","data":{"n":1}},{"type":"user","user":"42","idempotencyKey":"order-7","data":"your order has left"}]
        """;

    private const string BatchResults = """
        [{"status":202,"id":"evt_0192f0c1d2e37abc8def0123456789ab","channel":"notifications","epoch":"1-192f0c1d2e3-9f8e7d6c5b4a3921","offset":1},
         {"status":400,"error":{"detail":"\"data\" is missing; send any JSON value.","field":"data"}}]
        """;

    /// <summary>Title and words of the document.</summary>
    public static Task Describe(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "OrleansNotify",
            Version = Name,
            Description = "Publish events, and look at connections, channels and statistics. Clients receive over the WebSocket at /ws. Every error is problem+json (RFC 9457) with a sentence in \"detail\" that says what to do.",
        };
        document.Servers = []; // whatever address it was fetched from
        return Task.CompletedTask;
    }

    /// <summary>Adds query parameters.</summary>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, params (string Name, JsonSchemaType Type, string Description)[] parameters) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters ??= [];
            foreach (var (name, type, description) in parameters)
                operation.Parameters.Add(new OpenApiParameter { Name = name, In = ParameterLocation.Query, Description = description, Schema = new OpenApiSchema { Type = type } });
            return Task.CompletedTask;
        });

    /// <summary>Describes <c>POST /api/events</c>.</summary>
    public static Task Publish(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.Summary = "Publish an event";
        Publish(operation, EventSchema(), Event);
        return Task.CompletedTask;
    }

    /// <summary>Describes <c>POST /api/users/{user}/events</c>.</summary>
    public static Task PublishToUser(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.Summary = "Publish an event to all connections of a user";
        var schema = EventSchema();
        foreach (var elsewhere in new[] { "type", "channel", "user" })
            schema.Properties!.Remove(elsewhere);
        Publish(operation, schema, """{"data":{"message":"For your eyes only"}}""");
        (operation.Parameters ??= []).Add(new OpenApiParameter { Name = "user", In = ParameterLocation.Path, Required = true, Description = "The user's id.", Schema = Text() });
        return Task.CompletedTask;
    }

    private static void Publish(OpenApiOperation operation, OpenApiSchema schema, string example)
    {
        operation.Parameters =
        [
            new OpenApiParameter
            {
                Name = "Idempotency-Key",
                In = ParameterLocation.Header,
                Description = "A repeat with the same key within 5 minutes (unless configured otherwise) gets the same answer and is not delivered again; the same key with other content is 422. 1 to 255 characters.",
                Schema = Text(),
            },
        ];
        operation.RequestBody = new OpenApiRequestBody { Required = true, Content = Content((Json, schema, example)) };
        SetReply(operation, "202", "Published; this is its place in the channel.", PositionSchema(), Accepted);
    }

    /// <summary>Describes <c>POST /api/events/batch</c>.</summary>
    public static Task PublishBatch(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.Summary = "Publish many events";
        var line = JsonNode.Parse(Event)!.ToJsonString();
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = Content((Json, List(EventSchema()), Batch), ("application/x-ndjson", EventSchema(), line)),
        };
        var result = PositionSchema();
        result.Properties!.Add("status", new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "202, or what the item alone would have been answered." });
        result.Properties.Add("error", Object(
            "Why it was refused.",
            ("detail", Text("What is wrong and what to do.")),
            ("field", Text("The field that is wrong.")),
            ("outcome", Text("With 503: not_accepted or unknown."))));
        result.Required = new HashSet<string> { "status" };
        SetReply(operation, "200", "A result for each item, in order.", List(result), BatchResults);
        return Task.CompletedTask;
    }

    /// <summary>Describes <c>GET …/history</c>.</summary>
    public static Task History(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var publication = Object(
            "A publication.",
            ("id", Text()),
            ("offset", new OpenApiSchema { Type = JsonSchemaType.Integer }),
            ("event", Text("The publisher's own name for it.")),
            ("tags", List(Text())),
            ("publisher", Text("The user whose connection published it.")),
            ("data", new OpenApiSchema { Description = "As clients get it." }));
        var page = Object(
            "A page of history and where the channel stands.",
            ("channel", Text()),
            ("epoch", Text()),
            ("offset", new OpenApiSchema { Type = JsonSchemaType.Integer }),
            ("gapless", new OpenApiSchema { Type = JsonSchemaType.Boolean, Description = "Whether nothing is missing behind since, up to the last publication of the page." }),
            ("publications", List(publication)));
        SetReply(operation, "200", "What the channel keeps.", page, null);
        return Task.CompletedTask;
    }

    /// <summary>Describes <c>GET …/presence</c>.</summary>
    public static Task Presence(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var member = Object(
            "A connection that is subscribed to the channel by its name.",
            ("connection", Text("Its id.")),
            ("user", Text("Its user.")),
            ("info", new OpenApiSchema { Description = "What its token says of it to others." }));
        var presence = Object(
            "Who is on a channel.",
            ("channel", Text()),
            ("total", new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "How many connections." }),
            ("users", new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "How many different users among them." }),
            ("members", List(member)));
        SetReply(operation, "200", "Who is on it.", presence, null);
        return Task.CompletedTask;
    }

    private static OpenApiSchema EventSchema()
    {
        var schema = Object(
            "An event.",
            ("type", new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Enum = ["custom", "user", "broadcast", "system"],
                Default = "custom",
                Description = "custom goes to the channel named; user to all connections of a user; broadcast and system to every connection.",
            }),
            ("channel", Text("With type custom: 1 to 255 of A-Z a-z 0-9 _ - . : / # $ @ = + ~ ,")),
            ("user", Text("With type user.")),
            ("data", new OpenApiSchema { Description = "Any JSON value; reaches the clients byte for byte." }),
            ("event", Text("Your own name for the event; 1 to 64 characters.")),
            ("tags", List(Text())),
            ("idempotencyKey", Text("As the header Idempotency-Key.")));
        schema.Required = new HashSet<string> { "data" };
        return schema;
    }

    private static OpenApiSchema PositionSchema() => Object(
        "Where the publication is.",
        ("id", Text("Of the publication.")),
        ("channel", Text()),
        ("epoch", Text("Names one unbroken run of offsets.")),
        ("offset", new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "1, 2, 3… per channel and epoch." }));

    private static OpenApiSchema Object(string description, params (string Name, OpenApiSchema Schema)[] properties)
    {
        var schema = new OpenApiSchema { Type = JsonSchemaType.Object, Description = description, Properties = new Dictionary<string, IOpenApiSchema>() };
        foreach (var (name, property) in properties)
            schema.Properties.Add(name, property);
        return schema;
    }

    private static OpenApiSchema List(OpenApiSchema items) => new() { Type = JsonSchemaType.Array, Items = items };

    private static OpenApiSchema Text(string? description = null) => new() { Type = JsonSchemaType.String, Description = description };

    private static void SetReply(OpenApiOperation operation, string status, string description, OpenApiSchema schema, string? example)
    {
        operation.Responses ??= [];
        operation.Responses[status] = new OpenApiResponse { Description = description, Content = Content((Json, schema, example)) };
    }

    private static Dictionary<string, OpenApiMediaType> Content(params (string Type, OpenApiSchema Schema, string? Example)[] bodies) =>
        bodies.ToDictionary(b => b.Type, b => new OpenApiMediaType { Schema = b.Schema, Example = b.Example is null ? null : JsonNode.Parse(b.Example) });
}
