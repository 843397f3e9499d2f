using System.Text.Json;

namespace OrleansNotify.Protocol.Json;

/// <summary>
/// Finds a key that stands twice in one object. Small objects are compared on the stack; one with more than 16 keys, or with an escaped key,
/// goes into a hash set, whose hashes the sender cannot foresee (.NET turns to randomised ones when strings collide).
/// </summary>
internal ref struct JsonKeys
{
    /// <summary>Slices for all objects open at once; when they run out the object at hand turns to a hash set.</summary>
    public const int Slices = 64;

    /// <summary>Objects open at once.</summary>
    public const int MaxDepth = 64;

    private const int MaxCompared = 16;

    private readonly ReadOnlySpan<byte> _json;
    private readonly Span<Slice> _slices;
    private readonly Span<byte> _starts;
    private int _count;
    private ulong _inSets; // bit d: the keys of the object at depth d are in _sets[d]
    private HashSet<string>?[]? _sets;

    /// <summary>Over a text that is read once, from its beginning.</summary>
    /// <param name="json">The text.</param>
    /// <param name="slices">Room for <see cref="Slices"/>.</param>
    /// <param name="starts">Room for <see cref="MaxDepth"/>.</param>
    public JsonKeys(ReadOnlySpan<byte> json, Span<Slice> slices, Span<byte> starts)
    {
        _json = json;
        _slices = slices;
        _starts = starts;
    }

    /// <summary>A key's bytes in the text.</summary>
    internal readonly record struct Slice(int Start, int Length);

    /// <summary>The reader is at the beginning of an object.</summary>
    public readonly void Open(int depth) => _starts[depth] = (byte)_count;

    /// <summary>The reader is at the end of an object.</summary>
    public void Close(int depth)
    {
        _count = _starts[depth];
        if ((_inSets >> depth & 1) == 0)
            return;
        _inSets &= ~(1UL << depth);
        _sets![depth]!.Clear();
    }

    /// <summary>The reader is at a key; false when its object has it already. Its escapes are known to be sound.</summary>
    public bool TryAdd(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth - 1;
        if ((_inSets >> depth & 1) == 0)
        {
            var start = _starts[depth];
            if (!reader.ValueIsEscaped && _count - start < MaxCompared && _count < _slices.Length)
            {
                var key = reader.ValueSpan;
                foreach (var other in _slices[start.._count])
                {
                    if (other.Length == key.Length && _json.Slice(other.Start, other.Length).SequenceEqual(key))
                        return false;
                }
                _slices[_count++] = new Slice((int)reader.TokenStartIndex + 1, key.Length);
                return true;
            }
            TurnToSet(depth, start);
        }
        return _sets![depth]!.Add(reader.GetString()!);
    }

    private void TurnToSet(int depth, int start)
    {
        _sets ??= new HashSet<string>?[MaxDepth];
        var set = _sets[depth] ??= new HashSet<string>(StringComparer.Ordinal);
        foreach (var slice in _slices[start.._count])
            set.Add(System.Text.Encoding.UTF8.GetString(_json.Slice(slice.Start, slice.Length)));
        _count = start;
        _inSets |= 1UL << depth;
    }
}
