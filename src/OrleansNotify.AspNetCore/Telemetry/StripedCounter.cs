namespace OrleansNotify.AspNetCore.Telemetry;

/// <summary>A sum that many threads add to and few read: each processor adds to a cache line of its own.</summary>
internal sealed class StripedCounter
{
    // 128 bytes: two cache lines, since processors fetch them in pairs.
    private const int LongsPerStripe = 16;

    private static readonly int StripeMask = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, 64)) - 1;

    private readonly long[] _stripes = new long[(StripeMask + 1) * LongsPerStripe];

    /// <summary>Adds.</summary>
    public void Add(long count) => Interlocked.Add(ref _stripes[(Thread.GetCurrentProcessorId() & StripeMask) * LongsPerStripe], count);

    /// <summary>The sum: of everything added before the call, and perhaps of some added meanwhile.</summary>
    public long Sum()
    {
        long sum = 0;
        for (var i = 0; i < _stripes.Length; i += LongsPerStripe)
            sum += Volatile.Read(ref _stripes[i]);
        return sum;
    }
}
