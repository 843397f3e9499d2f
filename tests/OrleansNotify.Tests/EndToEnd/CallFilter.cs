namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Comes before every call to a grain of a silo.</summary>
internal sealed class CallFilter(Func<IIncomingGrainCallContext, Task> invoke) : IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context) => invoke(context);
}
