using OrleansNotify.Benchmarks.Load;
using OrleansNotify.Benchmarks.Load.Peers;
using OrleansNotify.Benchmarks.Micro;

// One verb per question; each writes its result to results/.
Verb[] verbs =
[
    new("load", "[options]", "our server beside SignalR and two bare Kestrel broadcasters: speed, memory, how cost grows → load.md and plots; load --help", "20 minutes", LoadMeasurement.RunAsync),
    new("scale", "[rounds [parts]]", "100,000 channels, two silos, clients that do not read, a hot channel, standing still → scale.md", "15 minutes", ScaleMeasurement.RunAsync),
    new("budget", "[seconds]", "where the microseconds of one publication go → budget.md", "15 s", BudgetMeasurement.RunAsync),
    new("micro", "[options]", "one piece of code beside a baseline, with allocations → micro.md; with options BenchmarkDotNet's, and nothing is written", "6 minutes", MicroMeasurement.RunAsync),
    new("streams", "[rounds]", "our stream provider beside explicit subscription and Orleans' memory streams → streams.md", "6 minutes", Done(StreamsMeasurement.RunAsync)),
    new("durable", "[rounds]", "durable channels on each store, one publisher and 64 → durable.md", "4 minutes", Done(DurableMeasurement.RunAsync)),
    new("patterns", "[pairs]", "publishes beside 10,000 patterns that do not match, and beside none → patterns.md", "2 minutes", Done(PatternsMeasurement.RunAsync)),
    new("chaos", "[minutes] [connections]", "random faults for 10 minutes, then 5,000 connections that lose their silo at once → chaos.md", "12 minutes", Done(ChaosMeasurement.RunAsync)),
    new("failover", "[rounds]", "kill -9 of a silo with our directory and membership options, and with Orleans' → failover.md", "10 minutes", Done(FailoverMeasurement.RunAsync)),
    new("embedded", "[rounds] [folder]", "SQLite beside RocksDB as the embedded store → embedded-store.md", "3 minutes", Done(EmbeddedMeasurement.RunAsync)),
];

switch (args)
{
    case [Peer.Verb, .. var rest]:
        return await Peer.RunAsync(rest);
    case [FailoverVariant.Verb, var variant, _, _, .. var rest]:
        await FailoverVariant.RunSiloAsync(variant, rest);
        return 0;
    case [var name, .. var rest] when verbs.FirstOrDefault(verb => verb.Name == name) is { } verb:
        Console.WriteLine($"{verb.Name}: {verb.Question}. Takes about {verb.Takes} without arguments.");
        return await verb.Run(rest);
    default:
        await Console.Error.WriteLineAsync("Usage: dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- <verb>");
        foreach (var verb in verbs)
            await Console.Error.WriteLineAsync($"  {$"{verb.Name} {verb.Arguments}",-32} {verb.Question} ({verb.Takes})");
        return 2;
}

static Func<string[], Task<int>> Done(Func<string[], Task> run) => async rest =>
{
    await run(rest);
    return 0;
};

// Takes: without arguments, on two cores. Run gives the exit code.
internal sealed record Verb(string Name, string Arguments, string Question, string Takes, Func<string[], Task<int>> Run);
