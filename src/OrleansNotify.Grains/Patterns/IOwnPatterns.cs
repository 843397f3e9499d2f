namespace OrleansNotify.Grains.Patterns;

/// <summary>The patterns that this silo's front-end wants. Thread-safe.</summary>
public interface IOwnPatterns
{
    /// <summary>One more subscription to a pattern. Completes when every channel that matches, now or ever, on whatever silo, streams to this front-end.</summary>
    Task Add(string pattern);

    /// <summary>One less.</summary>
    void Remove(string pattern);
}
