using OrleansNotify.Tests.Sqlite;

// The test host loads this assembly and does not come here; tests start it as a process of its own, to be killed.
if (args is [KilledWriter.Verb, var path])
{
    await KilledWriter.Run(path);
    return 0;
}
Console.Error.WriteLine("These are tests: run dotnet test.");
return 2;
