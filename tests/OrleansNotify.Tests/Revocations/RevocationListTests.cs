using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Storage;
using OrleansNotify.Grains.Revocations;

namespace OrleansNotify.Tests.Revocations;

public sealed class RevocationListTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddYears(50);
    private readonly RevocationList _list = new();

    [Fact]
    public void What_came_behind_a_version_can_be_read()
    {
        Assert.True(_list.Add(Token("a")));
        var version = _list.Version;
        Assert.True(_list.Add(Token("b")));

        Assert.Equal(["b"], _list.Since(version).Select(r => r.Name));
        Assert.Equal(["a", "b"], _list.Since(0).Select(r => r.Name).Order());
        Assert.Empty(_list.Since(_list.Version));
    }

    [Fact]
    public void The_same_once_more_lengthens_it_and_never_shortens_it()
    {
        _list.Add(Token("a", hours: 2));
        var version = _list.Version;

        Assert.False(_list.Add(Token("a", hours: 1)));
        Assert.Equal((version, Now.AddHours(2)), (_list.Version, _list.Find(RevocationKind.Token, "a")!.Until));
        Assert.True(_list.Add(Token("a", hours: 3)));
        Assert.Equal(Now.AddHours(3), _list.Find(RevocationKind.Token, "a")!.Until);
        Assert.Null(_list.Find(RevocationKind.User, "a"));
    }

    [Fact]
    public void It_ends_when_its_end_has_come()
    {
        _list.Add(Token("a", hours: 1));
        _list.Add(Token("b", hours: 2));

        _list.DropEnded(Now.AddHours(1));

        Assert.Equal(["b"], _list.All.Select(r => r.Name));
    }

    [Fact]
    public void It_has_room_for_so_many_and_for_so_many_bytes()
    {
        for (var i = 0; i < RevocationList.MaxCount; i++)
            _list.Add(Token($"{i}"));
        Assert.False(_list.HasRoom(RevocationKind.Token, "one more"));
        Assert.True(_list.HasRoom(RevocationKind.Token, "7"));
        _list.DropEnded(Now.AddHours(1));

        // Bytes, not characters: these take two each.
        for (var i = 0; i < RevocationList.MaxBytes / 1024; i++)
            _list.Add(Token($"{new string('é', 510)}{i:0000}"));
        Assert.False(_list.HasRoom(RevocationKind.Token, "x"));
        _list.DropEnded(Now.AddHours(1));
        Assert.True(_list.HasRoom(RevocationKind.Token, "x"));
    }

    // By both limits at once, in letters of one, two, three bytes and of four in two characters; and by bytes alone, with the longest ids there may be.
    [Theory]
    [InlineData("x", 39)]
    [InlineData("é", 39)]
    [InlineData("界", 39)]
    [InlineData("😀", 39)]
    [InlineData("x", 255)]
    [InlineData("界", 765)]
    public void A_full_list_fits_into_one_record_of_any_store(string letter, int bytes)
    {
        const int AzureTableLimit = 960 << 10;
        using var services = new ServiceCollection().AddSerializer(serializer => serializer.AddAssembly(typeof(RevocationList).Assembly)).BuildServiceProvider();
        var size = Encoding.UTF8.GetByteCount(letter);
        string Id(int i) => i.ToString("0000", CultureInfo.InvariantCulture).PadRight(4 + ((bytes - 4) % size), '.') + string.Concat(Enumerable.Repeat(letter, (bytes - 4) / size));
        Assert.Equal(bytes, Encoding.UTF8.GetByteCount(Id(0)));
        for (var i = 0; _list.HasRoom(RevocationKind.Token, Id(i)); i++)
            _list.Add(Token(Id(i)) with { At = Now.AddTicks(i), Until = Now.AddDays(30).AddTicks(i) });
        Assert.Equal(Math.Min(RevocationList.MaxCount, RevocationList.MaxBytes / bytes), _list.All.Length);

        var record = new OrleansGrainStorageSerializer(services.GetRequiredService<Serializer>()).Serialize(new StoredRevocations { Revocations = _list.All });

        Assert.InRange(record.ToMemory().Length, RevocationList.MaxBytes - bytes, AzureTableLimit);
    }

    private static Revocation Token(string id, int hours = 1) => new(RevocationKind.Token, id, Now, Now.AddHours(hours));
}
