using System.Text.RegularExpressions;
using CsCheck;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Protocol;

public partial class ChannelNameTests
{
    // The grammar a second time, in another form, to hold the first against.
    [GeneratedRegex("""
        ^(?:@system|@broadcast
          |\#[A-Za-z0-9_.@=+~:-]{1,128}
          |(?=[^@])\$?(?:(?<ns>[A-Za-z0-9_-]{1,64}):[A-Za-z0-9_\-:/@=+~,]+(?:\.[A-Za-z0-9_\-:/@=+~,]+)*|[A-Za-z0-9_\-/@=+~,]+(?:\.[A-Za-z0-9_\-/@=+~,]+)*)
           (?:\#[A-Za-z0-9_.@=+~:-]{1,128}(?:,[A-Za-z0-9_.@=+~:-]{1,128})*)?)\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Grammar();

    [Fact]
    public void Every_name_is_accepted_exactly_when_the_grammar_has_it() =>
        Gen.OneOf(
            Gen.String[Gen.Char["ab.:/#$@,"], 0, 8],
            Gen.String[Gen.Char["aZ9_-.:/#$@=+~,* \u00e9"], 0, 10]).Sample(name =>
            {
                var match = Grammar().Match(name);
                Assert.Equal(match.Success, ChannelName.TryCheck(name, out var problem));
                if (match.Success)
                    Assert.Equal(match.Groups["ns"].Value, ChannelName.NamespaceOf(name));
                else
                    Assert.StartsWith("Invalid channel: ", problem, StringComparison.Ordinal);
            }, iter: 200_000);

    [Theory]
    [InlineData("notifications", "")]
    [InlineData("chat.room1", "")]
    [InlineData("chat:room1", "chat")]
    [InlineData("chat:a:b", "chat")]
    [InlineData("$chat:room1", "chat")]
    [InlineData("$private", "")]
    [InlineData("a/b", "")]
    [InlineData("a_b", "")]
    [InlineData("A", "")]
    [InlineData("a", "")]
    [InlineData("con", "")]
    [InlineData("nul", "")]
    [InlineData("__proto__", "")]
    [InlineData("-", "")]
    [InlineData("/", "")]
    [InlineData("mail.bob@example", "")]
    [InlineData("@system", "")]
    [InlineData("@broadcast", "")]
    [InlineData("#42", "")]
    [InlineData("#urn:user:42", "")]
    [InlineData("#a..b.", "")]
    [InlineData("name#42", "")]
    [InlineData("name#42,43", "")]
    [InlineData("name#tenant:42", "")]
    [InlineData("chat:name#tenant:42", "chat")]
    [InlineData("$chat:name#42", "chat")]
    public void A_well_formed_name_is_accepted_and_selects_its_namespace(string name, string @namespace)
    {
        Assert.True(ChannelName.TryCheck(name, out var problem), problem);
        Assert.Equal(@namespace, ChannelName.NamespaceOf(name));
    }

    [Theory]
    [InlineData("", "the name is empty")]
    [InlineData(" ", "U+0020 at position 1")]
    [InlineData("a ", "U+0020 at position 2")]
    [InlineData("a\tb", "U+0009")]
    [InlineData("a\0b", "U+0000")]
    [InlineData("a\r\nb", "U+000D")]
    [InlineData("a\u007f", "U+007F")]
    [InlineData("a\\b", "'\\' at position 2")]
    [InlineData("a?b", "'?'")]
    [InlineData("a%2Fb", "'%'")]
    [InlineData("a\"b", "'\"'")]
    [InlineData("\u202eabc", "U+202E")]
    [InlineData("a\u200bb", "U+200B")]
    [InlineData("caf\u00e9", "U+00E9")]
    [InlineData("cafe\u0301", "U+0301")]
    [InlineData("\u0430bc", "U+0430")]
    [InlineData("\ud83d\ude00", "U+D83D")]
    [InlineData("\ufeffa", "U+FEFF")]
    [InlineData("*", "makes a pattern, which can only be subscribed to")]
    [InlineData("**", "makes a pattern, which can only be subscribed to")]
    [InlineData("chat.*", "makes a pattern, which can only be subscribed to")]
    [InlineData("chat.**", "makes a pattern, which can only be subscribed to")]
    [InlineData(".", "the first level is empty")]
    [InlineData(".a", "the first level is empty")]
    [InlineData("a.", "the last level is empty")]
    [InlineData("a..b", "a level between two '.' is empty")]
    [InlineData("..", "the first level is empty")]
    [InlineData("a.#42", "the last level is empty")]
    [InlineData("ns:.a", "the first level is empty")]
    [InlineData(":", "the namespace before ':' is empty")]
    [InlineData(":a", "the namespace before ':' is empty")]
    [InlineData("$:a", "the namespace before ':' is empty")]
    [InlineData("ns:", "no name follows the namespace")]
    [InlineData("ns:#42", "no name follows the namespace")]
    [InlineData("a.b:c", "'.' is not allowed in a namespace")]
    [InlineData("a/b:c", "'/' is not allowed in a namespace")]
    [InlineData("$", "no name follows '$'")]
    [InlineData("$#42", "no name follows '$'")]
    [InlineData("a$b", "'$' is allowed only as the first character")]
    [InlineData("$$a", "'$' is allowed only as the first character")]
    [InlineData("ns:$a", "'$' is allowed only as the first character")]
    [InlineData("#", "no user follows '#'")]
    [InlineData("name#", "no user follows '#'")]
    [InlineData("name#42,", "a user id behind '#' is empty")]
    [InlineData("name#,42", "a user id behind '#' is empty")]
    [InlineData("name#42,,43", "a user id behind '#' is empty")]
    [InlineData("name#4/2", "'/' is not allowed in a user id")]
    [InlineData("name#42#43", "'#' is not allowed in a user id")]
    [InlineData("#$42", "'$' is not allowed in a user id")]
    [InlineData("#1,2", "one user's own channel")]
    [InlineData("@", "reserved")]
    [InlineData("@System", "reserved")]
    [InlineData("@other", "reserved")]
    [InlineData("@system#42", "reserved")]
    [InlineData("@broadcast.a", "reserved")]
    public void Each_malformed_name_is_told_in_its_own_words(string name, string words)
    {
        Assert.False(ChannelName.TryCheck(name, out var problem));
        Assert.StartsWith("Invalid channel: ", problem, StringComparison.Ordinal);
        Assert.Contains(words, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lone_surrogate_is_named_by_its_number()
    {
        Assert.False(ChannelName.TryCheck("a\ud800", out var problem));
        Assert.Contains("U+D800", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    [InlineData(10_000, false)]
    public void A_name_has_1_to_255_characters(int length, bool accepted)
    {
        Assert.Equal(accepted, ChannelName.TryCheck(new string('a', length), out var problem));
        if (!accepted)
            Assert.Equal($"Invalid channel: the name is {length} characters long; it takes 1 to 255.", problem);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void A_namespace_has_1_to_64_characters(int length, bool accepted) =>
        Assert.Equal(accepted, ChannelName.TryCheck(new string('n', length) + ":a", out _));

    [Theory]
    [InlineData("42", true)]
    [InlineData("a.b@c=d+e~f:g-h_i", true)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a/b", false)]
    [InlineData("a,b", false)]
    [InlineData("#a", false)]
    [InlineData("\u00e9", false)]
    public void A_user_id_holds_its_own_characters_only(string user, bool accepted)
    {
        Assert.Equal(accepted, ChannelName.IsUserId(user));
        Assert.Equal(accepted, ChannelName.IsUserChannel("#" + user, out var whose));
        Assert.Equal(accepted ? user : null, whose);
        Assert.Equal(accepted, ChannelName.TryCheck(ChannelName.OfUser(user), out _));
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void A_user_id_has_1_to_128_characters(int length, bool accepted)
    {
        Assert.Equal(accepted, ChannelName.IsUserId(new string('u', length)));
        Assert.Equal(accepted, ChannelName.TryCheck("#" + new string('u', length), out _));
    }

    [Theory]
    [InlineData("name#42")]
    [InlineData("42")]
    [InlineData("@system")]
    [InlineData("#1,2")]
    public void Only_a_users_own_channel_names_its_user(string name) => Assert.False(ChannelName.IsUserChannel(name, out _));

    [Fact]
    public void Reserved_and_user_channels_are_unlisted()
    {
        Assert.True(ChannelName.IsUnlisted("@system") && ChannelName.IsUnlisted("#42"));
        Assert.False(ChannelName.IsUnlisted("name#42") || ChannelName.IsUnlisted("a@b"));
        Assert.True(ChannelName.ReachesEveryone("@system") && ChannelName.ReachesEveryone("@broadcast"));
        Assert.False(ChannelName.ReachesEveryone("#42"));
    }
}
