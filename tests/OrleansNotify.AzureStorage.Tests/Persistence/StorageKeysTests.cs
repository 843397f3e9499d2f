using CsCheck;
using OrleansNotify.AzureStorage.Persistence;

namespace OrleansNotify.AzureStorage.Tests.Persistence;

public class StorageKeysTests
{
    // Few letters, among them all that mean something to the encoding: collisions would be found soon. And any text, half surrogates included.
    private static readonly Gen<string> Tricky = Gen.Char["ab_~.-/\\#?A2F ЖЁ\u0000\ud83d\ude00"].Array[0, 6].Select(chars => new string(chars));
    private static readonly Gen<string> Tiny = Gen.Char["a_/~A2"].Array[0, 3].Select(chars => new string(chars));
    private static readonly Gen<string> Any = Gen.OneOf(
        Tricky,
        Gen.String[0, 40],
        Gen.Select(Gen.Int[0, 700], Tricky, (length, end) => new string('k', length) + end),
        Gen.Select(Gen.Int[0, 300], Tricky, (length, end) => new string('Ж', length) + end));

    [Fact]
    public void Distinct_identities_have_distinct_names() =>
        Gen.Select(Identity, Identity).Sample(
            (one, two) =>
            {
                var alike = Bytes(one) == Bytes(two);
                Assert.Equal(alike, Table(one) == Table(two));
                Assert.Equal(alike, Blob(one) == Blob(two));
            },
            iter: 20_000);

    [Fact]
    public void Identities_that_differ_little_have_distinct_names() =>
        Gen.Select(Tiny, Tiny, Gen.Int[0, 2]).Sample(
            (one, two, place) =>
            {
                Assert.Equal(one == two, Table(With(one)) == Table(With(two)));
                Assert.Equal(one == two, Blob(With(one)) == Blob(With(two)));

                (string, string, string, string) With(string text) => (place == 0 ? text : "s", "t", place == 1 ? "k" + text : "k", place == 2 ? text : "n");
            },
            iter: 20_000);

    [Fact]
    public void Distinct_texts_have_distinct_bytes() =>
        Gen.Select(Any, Any).Sample((one, two) => Assert.Equal(one == two, StorageKeys.Bytes(one).AsSpan().SequenceEqual(StorageKeys.Bytes(two))), iter: 20_000);

    [Fact]
    public void Names_hold_only_what_both_services_take_and_are_short_enough() =>
        Identity.Sample(
            identity =>
            {
                var (partition, row) = Table(identity);
                foreach (var name in (string[])[partition, row, Blob(identity)])
                    Assert.Matches("^[A-F0-9a-z._~-]*$", name);
                Assert.InRange(partition.Length, 0, 512);
                Assert.InRange(row.Length, 0, 512);
                Assert.InRange(Blob(identity).Length, 1, 1_024);
                Assert.EndsWith(".state", Blob(identity), StringComparison.Ordinal);
            },
            iter: 5_000);

    [Theory]
    [InlineData("news.eu-1", "news.eu-1")]
    [InlineData("a_b", "a_5Fb")]
    [InlineData("a/b", "a_2Fb")]
    [InlineData("A", "_41")]
    [InlineData("Ж", "_D0_96")]
    [InlineData("", "")]
    public void A_part_is_written_as_it_always_was(string text, string name) => Assert.Equal(name, StorageKeys.Part(StorageKeys.Bytes(text), 100));

    [Fact]
    public void A_long_part_ends_with_its_hash() => Assert.Equal(
        // printf 'k%.0s' {1..300} | sha256sum
        new string('k', 256 - 66) + "__17b16d8ef494060fefa36a6a41567b8c32d213a17e02b7eeae86158cc4495461",
        StorageKeys.Part(StorageKeys.Bytes(new string('k', 300)), 256));

    [Fact]
    public void Names_have_this_shape()
    {
        var grain = GrainId.Create("channel", "news/eu");
        Assert.Equal(("svc~channel~news_2Feu", "tail"), StorageKeys.Table(StorageKeyFormat.Injective, "svc", grain, "tail"));
        Assert.Equal("svc~channel~news_2Feu~tail.state", StorageKeys.Blob(StorageKeyFormat.Injective, "svc", grain, "tail"));
    }

    [Fact]
    public void Compatible_names_are_those_of_Microsofts_providers()
    {
        var grain = GrainId.Create("channel", "a#b?c\\d");
        Assert.Equal(("svc_channel_a_b_c_d", "ta_il"), StorageKeys.Table(StorageKeyFormat.Compatible, "svc", grain, "ta/il"));
        Assert.Equal("tail-channel/a#b?c\\d.json", StorageKeys.Blob(StorageKeyFormat.Compatible, "svc", grain, "tail"));
        Assert.Throws<ArgumentException>(() => StorageKeys.Table(StorageKeyFormat.Compatible, "svc", GrainId.Create("channel", new string('k', 1_100)), "tail"));
    }

    private static readonly Gen<(string Service, string Type, string Key, string State)> Identity = Gen.Select(Any, Some, Some, Any);

    private static Gen<string> Some => Any.Where(text => !string.IsNullOrWhiteSpace(text)); // Orleans' own rule for a grain

    // GrainId keeps UTF-8: half a surrogate pair is the replacement character there already.
    private static (string Service, GrainId Grain, string State) Bytes((string Service, string Type, string Key, string State) identity) =>
        (identity.Service, GrainId.Create(identity.Type, identity.Key), identity.State);

    private static (string Partition, string Row) Table((string Service, string Type, string Key, string State) identity) =>
        StorageKeys.Table(StorageKeyFormat.Injective, identity.Service, GrainId.Create(identity.Type, identity.Key), identity.State);

    private static string Blob((string Service, string Type, string Key, string State) identity) =>
        StorageKeys.Blob(StorageKeyFormat.Injective, identity.Service, GrainId.Create(identity.Type, identity.Key), identity.State);
}
