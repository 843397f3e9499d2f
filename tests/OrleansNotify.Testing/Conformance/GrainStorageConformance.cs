using System.Globalization;
using Orleans.Storage;
using Xunit;

namespace OrleansNotify.Testing.Conformance;

/// <summary>What grains rely on in an <see cref="IGrainStorage"/>. A provider's tests derive from it and say how it is opened.</summary>
public abstract class GrainStorageConformance
{
    private const string State = "state";
    private readonly string _type = $"kept{Guid.NewGuid():N}"; // Orleans' memory storage has one namespace for everything: tests meet in it
    private const char Pairs = 'P'; // stands for characters outside the basic plane, of two UTF-16 units

    /// <summary>Opens the storage for a service, ready for calls. The same store each time.</summary>
    protected abstract Task<IGrainStorage> Open(string serviceId);

    /// <summary>Most bytes of one state; null: as many as the longest this tests.</summary>
    protected virtual int? MaxBytes => null;

    /// <summary>Whether a service's states are apart from another's in the same store.</summary>
    protected virtual bool SeparatesServices => true;

    /// <summary>Whether what is written is there for another silo, and after a restart.</summary>
    protected virtual bool OutlivesTheSilo => true;

    /// <summary>Whether a clear with a stale ETag is refused.</summary>
    protected virtual bool RefusesStaleClear => true;

    /// <summary>Whether a write that carries an ETag is refused when nothing is stored.</summary>
    protected virtual bool RefusesETagOfNothing => true;

    /// <summary>Whether keys may hold anything at all, and be of any length.</summary>
    protected virtual bool TakesAnyKey => true;

    /// <summary>Keys that have been trouble somewhere.</summary>
    public static TheoryData<string> Keys => new("plain", "Канал", "频道", "a/b", "a_b", "a\\b", "a#b", "a?b", "a%2Fb", "100%", " x ", "a+b&c;d:e@f,g=h'i\"j", "😀", "..", "a.", "~", "A", "__", "42", "+7a", "{guid}");

    /// <summary>Keys a back end may refuse.</summary>
    public static TheoryData<string> HardKeys => new("a\tb", "a\nb", "a\u0001b", "\u007f", new string('k', 900), new string('Ж', 900));

    [Fact]
    public async Task Nothing_stored_reads_as_a_fresh_state()
    {
        var storage = await Open(NewService());
        var read = new GrainState<Kept> { State = new() { Text = "left over" }, RecordExists = true };

        await storage.ReadStateAsync(State, Grain("none"), read);

        Assert.False(read.RecordExists);
        Assert.Null(read.ETag);
        Assert.NotNull(read.State);
        Assert.Null(read.State!.Text);
    }

    [Theory, MemberData(nameof(Keys))]
    public Task Any_key_keeps_its_state(string key) => KeepsItsState(key == "{guid}" ? Guid.NewGuid().ToString("N") : key);

    [Theory, MemberData(nameof(HardKeys))]
    public Task Even_a_hard_key_keeps_its_state(string key) => TakesAnyKey ? KeepsItsState(key) : Task.CompletedTask;

    [Fact]
    public async Task Keys_that_look_alike_are_apart()
    {
        if (!TakesAnyKey)
            return;
        var storage = await Open(NewService());
        string[] keys = ["a/b", "a_b", "a\\b", "a#b", "a?b", "A_b", "a_2fb", "a_2Fb", "a~b", new('x', 600), new('x', 601), .. ((IEnumerable<object[]>)Keys).Select(row => (string)row[0])];
        keys = [.. keys.Distinct(StringComparer.Ordinal)];

        foreach (var key in keys)
            await Write(storage, key, key);

        foreach (var key in keys)
            Assert.Equal(key, (await Read(storage, key)).State!.Text);
    }

    [Fact]
    public async Task Integer_and_guid_keys_keep_their_states()
    {
        var storage = await Open(NewService());
        GrainId[] grains =
        [
            GrainId.Create(GrainType.Create(_type), GrainIdKeyExtensions.CreateIntegerKey(long.MinValue)),
            GrainId.Create(GrainType.Create(_type), GrainIdKeyExtensions.CreateIntegerKey(7, "ext/ension")),
            GrainId.Create(GrainType.Create(_type), GrainIdKeyExtensions.CreateGuidKey(Guid.NewGuid())),
            GrainId.Create(GrainType.Create(_type), GrainIdKeyExtensions.CreateGuidKey(Guid.NewGuid(), "Ж")),
        ];
        foreach (var grain in grains)
            await storage.WriteStateAsync(State, grain, New(grain.ToString()));

        foreach (var grain in grains)
        {
            var read = new GrainState<Kept>();
            await storage.ReadStateAsync(State, grain, read);
            Assert.Equal(grain.ToString(), read.State!.Text);
        }
    }

    [Fact]
    public async Task A_second_creation_is_refused()
    {
        var storage = await Open(NewService());
        await Write(storage, "one", "first");

        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync(State, Grain("one"), New("second")));

        Assert.Equal("first", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task A_write_with_a_stale_ETag_is_refused_and_the_stored_state_stays()
    {
        var storage = await Open(NewService());
        await Write(storage, "one", "first");
        var (mine, theirs) = (await Read(storage, "one"), await Read(storage, "one"));
        theirs.State!.Text = "theirs";
        await storage.WriteStateAsync(State, Grain("one"), theirs);
        mine.State!.Text = "mine";

        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync(State, Grain("one"), mine));

        Assert.Equal("theirs", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task A_write_with_an_ETag_is_refused_where_nothing_is_stored()
    {
        if (!RefusesETagOfNothing)
            return;
        var storage = await Open(NewService());
        var elsewhere = await Write(storage, "elsewhere", "x");
        var state = New("mine");
        state.ETag = elsewhere.ETag;

        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync(State, Grain("one"), state));

        Assert.False((await Read(storage, "one")).RecordExists);
    }

    [Fact]
    public async Task Every_write_gives_a_new_ETag_even_of_an_equal_state()
    {
        var storage = await Open(NewService());
        var state = New("same");
        var seen = new HashSet<string>();

        for (var i = 0; i < 5; i++)
        {
            await storage.WriteStateAsync(State, Grain("one"), state);
            Assert.True(state.RecordExists);
            Assert.True(seen.Add(state.ETag!));
        }

        Assert.Equal(state.ETag, (await Read(storage, "one")).ETag);
    }

    [Fact]
    public async Task Clearing_works_before_any_write_and_twice()
    {
        var storage = await Open(NewService());
        var state = New("not stored");

        await storage.ClearStateAsync(State, Grain("one"), state);
        Assert.False(state.RecordExists);
        Assert.NotNull(state.State);
        await storage.ClearStateAsync(State, Grain("one"), state);

        Assert.False(state.RecordExists);
        Assert.NotNull(state.State);
        Assert.False((await Read(storage, "one")).RecordExists);
    }

    [Fact]
    public async Task A_cleared_state_is_fresh_and_can_be_written_again()
    {
        var storage = await Open(NewService());
        var state = await Write(storage, "one", "first");
        var written = state.ETag;

        await storage.ClearStateAsync(State, Grain("one"), state);

        Assert.False(state.RecordExists);
        Assert.NotNull(state.State);
        Assert.Null(state.State!.Text);
        Assert.NotEqual(written, state.ETag);
        var read = await Read(storage, "one");
        Assert.False(read.RecordExists);
        Assert.Null(read.State!.Text);
        read.State!.Text = "second";
        await storage.WriteStateAsync(State, Grain("one"), read);
        Assert.Equal("second", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task The_activation_that_cleared_can_write_again()
    {
        var storage = await Open(NewService());
        var state = await Write(storage, "one", "first");
        await storage.ClearStateAsync(State, Grain("one"), state);
        state.State!.Text = "second";

        await storage.WriteStateAsync(State, Grain("one"), state);

        Assert.Equal("second", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task A_clear_with_a_stale_ETag_is_refused_and_the_stored_state_stays()
    {
        if (!RefusesStaleClear)
            return;
        var storage = await Open(NewService());
        await Write(storage, "one", "first");
        var (mine, theirs) = (await Read(storage, "one"), await Read(storage, "one"));
        theirs.State!.Text = "theirs";
        await storage.WriteStateAsync(State, Grain("one"), theirs);

        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.ClearStateAsync(State, Grain("one"), mine));

        Assert.Equal("theirs", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task Two_states_of_one_grain_are_independent()
    {
        var storage = await Open(NewService());
        var (one, two) = (New("one"), New("two"));
        await storage.WriteStateAsync("a", Grain("g"), one);
        await storage.WriteStateAsync("b", Grain("g"), two);
        await storage.ClearStateAsync("a", Grain("g"), one);

        var read = new GrainState<Kept>();
        await storage.ReadStateAsync("b", Grain("g"), read);

        Assert.Equal("two", read.State!.Text);
    }

    [Fact]
    public async Task A_hundred_grains_at_once_keep_theirs()
    {
        var storage = await Open(NewService());

        await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
        {
            var key = i.ToString(CultureInfo.InvariantCulture);
            await Write(storage, key, key);
            var read = await Read(storage, key);
            read.State!.Number = i;
            await storage.WriteStateAsync(State, Grain(key), read);
            var last = await Read(storage, key);
            Assert.Equal((key, i), (last.State!.Text, last.State!.Number));
        }));
    }

    [Theory]
    [InlineData(63, 'a')]
    [InlineData(64, 'a')]
    [InlineData(65, 'a')]
    [InlineData(65, 'Ж')]
    [InlineData(300, 'a')]
    [InlineData(300, '频')]
    [InlineData(300, Pairs)]
    [InlineData(440, 'a')]
    [InlineData(900, 'a')]
    public async Task Large_states_come_back_whole(int kibibytes, char filling)
    {
        var text = Text(kibibytes << 10, filling);
        if (System.Text.Encoding.UTF8.GetByteCount(text) + 200 > MaxBytes)
            return;
        var storage = await Open(NewService());

        await Write(storage, "large", text);

        Assert.Equal(text, (await Read(storage, "large")).State!.Text);
    }

    [Fact]
    public async Task A_smaller_state_leaves_nothing_of_a_larger_one_behind()
    {
        var storage = await Open(NewService());
        var state = await Write(storage, "one", Text(200 << 10, 'a'));
        state.State!.Text = "short";

        await storage.WriteStateAsync(State, Grain("one"), state);

        Assert.Equal("short", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task A_state_above_the_limit_is_refused_and_the_stored_one_stays()
    {
        if (MaxBytes is not { } most)
            return;
        var storage = await Open(NewService());
        var state = await Write(storage, "one", "small");
        state.State!.Text = Text(most, 'a');

        var refused = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => storage.WriteStateAsync(State, Grain("one"), state));

        Assert.Contains(" bytes", refused.Message, StringComparison.Ordinal);
        Assert.Equal("small", (await Read(storage, "one")).State!.Text);
    }

    [Fact]
    public async Task Two_services_in_one_store_do_not_see_each_other()
    {
        if (!SeparatesServices)
            return;
        var (one, two) = (await Open(NewService()), await Open(NewService()));
        await Write(one, "g", "of one");

        Assert.False((await Read(two, "g")).RecordExists);
        await Write(two, "g", "of two");
        Assert.Equal("of one", (await Read(one, "g")).State!.Text);
    }

    [Fact]
    public async Task Another_silo_reads_what_one_wrote()
    {
        if (!OutlivesTheSilo)
            return;
        var service = NewService();
        var written = await Write(await Open(service), "g", "kept");

        var read = await Read(await Open(service), "g");

        Assert.Equal(("kept", written.ETag), (read.State!.Text, read.ETag));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Three_activations_at_random_agree_with_a_model(int seed)
    {
        var storage = await Open(NewService());
        var random = new Random(seed);
        var views = Enumerable.Range(0, 3).Select(_ => new GrainState<Kept> { State = new() }).ToArray();
        string? etag = null; // of what is stored; null: nothing
        string? text = null; // null: cleared or never written
        for (var step = 0; step < 60; step++)
        {
            var view = views[random.Next(views.Length)];
            var what = random.Next(4);
            var fresh = view.ETag == etag;
            var said = $"seed {seed}, step {step}";
            switch (what)
            {
                case 0 or 1:
                    view.State = new() { Text = said };
                    Assert.True(fresh == await Succeeds(() => storage.WriteStateAsync(State, Grain("g"), view)), $"{said}: write");
                    if (fresh)
                        (etag, text) = (view.ETag, said);
                    break;
                case 2 when fresh || (RefusesStaleClear && view.ETag is not null):
                    Assert.True(fresh == await Succeeds(() => storage.ClearStateAsync(State, Grain("g"), view)), $"{said}: clear");
                    if (fresh)
                        (etag, text) = (view.ETag, null);
                    break;
                default:
                    await storage.ReadStateAsync(State, Grain("g"), view);
                    Assert.True(text == view.State!.Text, $"{said}: read '{view.State!.Text}', not '{text}'");
                    Assert.True((text is not null) == view.RecordExists, $"{said}: RecordExists {view.RecordExists}");
                    Assert.True(etag == view.ETag, $"{said}: ETag {view.ETag}, not {etag}");
                    break;
            }
        }
    }

    /// <summary>A service nobody else is.</summary>
    protected static string NewService() => $"service-{Guid.NewGuid():N}";

    /// <summary>A grain with a text key.</summary>
    protected GrainId Grain(string key) => GrainId.Create(_type, key);

    /// <summary>Writes the first state of a grain.</summary>
    protected async Task<GrainState<Kept>> Write(IGrainStorage storage, string key, string text)
    {
        var state = New(text);
        await storage.WriteStateAsync(State, Grain(key), state);
        return state;
    }

    /// <summary>Reads as a new activation does.</summary>
    protected async Task<GrainState<Kept>> Read(IGrainStorage storage, string key)
    {
        var state = new GrainState<Kept> { State = new() };
        await storage.ReadStateAsync(State, Grain(key), state);
        return state;
    }

    private static async Task<bool> Succeeds(Func<Task> change)
    {
        try
        {
            await change();
            return true;
        }
        catch (InconsistentStateException)
        {
            return false;
        }
    }

    private static GrainState<Kept> New(string text) => new() { State = new() { Text = text } };

    // Not one character over and over: a chunk in the wrong place shall show.
    private static string Text(int chars, char filling) => string.Create(chars, filling, static (span, filling) =>
    {
        span.Fill(filling);
        for (var i = 0; i < span.Length; i++)
        {
            if (filling == Pairs)
                span[i] = i == 0 || (i == span.Length - 1 && i % 2 == 1) ? '.' : i % 2 == 1 ? '\ud83d' : '\ude00';
            else if (i % 997 == 0)
                span[i] = (char)('0' + i / 997 % 10);
        }
    });

    private async Task KeepsItsState(string key)
    {
        var storage = await Open(NewService());
        var state = await Write(storage, key, key);
        state.State!.Number = 2;
        await storage.WriteStateAsync(State, Grain(key), state);

        var read = await Read(storage, key);

        Assert.Equal((key, 2), (read.State!.Text, read.State!.Number));
        Assert.True(read.RecordExists);
        Assert.Equal(state.ETag, read.ETag);
    }
}

/// <summary>What the conformance tests store.</summary>
[GenerateSerializer, Alias("notify.testing.Kept")]
public sealed class Kept
{
    /// <summary>Null in a fresh state.</summary>
    [Id(0)]
    public string? Text { get; set; }

    /// <summary>0 in a fresh state.</summary>
    [Id(1)]
    public int Number { get; set; }
}
