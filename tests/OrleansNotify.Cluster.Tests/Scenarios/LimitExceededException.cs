namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>Nothing that a history proves was broken, but the fault cost more time, or more failed publishes, than it may.</summary>
public sealed class LimitExceededException(string report) : Exception(report);
