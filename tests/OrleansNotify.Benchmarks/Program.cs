using BenchmarkDotNet.Running;
using OrleansNotify.Benchmarks.Load;
using OrleansNotify.Benchmarks.Micro;

// One verb per question; each writes its table to results/.
switch (args)
{
    case ["streams", .. var rest]:
        await StreamsMeasurement.RunAsync(rest);
        return 0;
    case ["durable", .. var rest]:
        await DurableMeasurement.RunAsync(rest);
        return 0;
    case ["chaos", .. var rest]:
        await ChaosMeasurement.RunAsync(rest);
        return 0;
    case ["failover", .. var rest]:
        await FailoverMeasurement.RunAsync(rest);
        return 0;
    case [FailoverVariant.Verb, var variant, _, _, .. var rest]:
        await FailoverVariant.RunSiloAsync(variant, rest);
        return 0;
    case ["embedded", .. var rest]:
        await EmbeddedMeasurement.RunAsync(rest);
        return 0;
    case ["micro", .. var rest]:
        BenchmarkSwitcher.FromAssembly(typeof(FrontEndQueueBenchmarks).Assembly).Run(rest);
        return 0;
    default:
        Console.Error.WriteLine("""
            Usage: dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- <verb>
              streams [rounds]   our stream provider beside explicit subscription and Orleans' memory streams → results/streams.md
              durable [rounds]   durable channels on each store, one publisher and 64 → results/durable.md
              chaos [minutes] [connections]   random faults for 10 minutes, then 5,000 connections that lose their silo at once → results/chaos.md
              failover [rounds]  kill -9 of a silo with our directory and membership options and with Orleans' → results/failover.md
              embedded [rounds] [folder]   SQLite beside RocksDB as the embedded store → results/embedded-store.md
              micro [options]    BenchmarkDotNet: the classes under Micro/
            """);
        return 2;
}
