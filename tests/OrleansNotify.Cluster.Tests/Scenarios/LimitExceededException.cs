namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>Everything promised was kept, but it took longer than it may.</summary>
public sealed class LimitExceededException(string report) : Exception(report);
