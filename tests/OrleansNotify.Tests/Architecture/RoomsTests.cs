using System.Text.RegularExpressions;
using OrleansNotify.AspNetCore;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Architecture;

/// <summary>The rules between the rooms: what may know what.</summary>
public partial class RoomsTests
{
    private static readonly string Source = Path.Combine(Repository.Root, "src");

    [Fact]
    public void The_protocol_knows_the_base_class_library_only() =>
        Assert.All(References(typeof(ChannelName)), name => Assert.StartsWith("System.", name, StringComparison.Ordinal));

    [Fact]
    public void Grains_know_neither_the_web_nor_a_back_end() =>
        Assert.DoesNotContain(References(typeof(IChannelGrain)), name => name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) || name.StartsWith("Azure.", StringComparison.Ordinal) || name is "OrleansNotify.AspNetCore" or "OrleansNotify.Server");

    [Fact]
    public void The_library_does_not_know_the_server() =>
        Assert.DoesNotContain("OrleansNotify.Server", References(typeof(OrleansNotifyExtensions)));

    [Theory]
    [InlineData("OrleansNotify.AspNetCore/FrontEnd", @"\bTransports\b")]
    [InlineData("OrleansNotify.AspNetCore/Delivery", @"\bTransports\b|\bFrontEnd\b|IGrainFactory")]
    [InlineData("OrleansNotify.AspNetCore/Transports", @"IGrainFactory|GetGrain|OrleansNotify\.Grains")]
    [InlineData("OrleansNotify.AspNetCore/Publishing", @"\bTransports\b|\bOutbox\b|\bLocalChannel\b")]
    [InlineData("OrleansNotify.Protocol", @"WebSocketFrames|\bKestrel\b|IGrain\w*")]
    [InlineData("OrleansNotify.Grains", @"OrleansNotify\.AspNetCore")]
    public void A_room_does_not_name_what_lies_behind_its_door(string folder, string forbidden) =>
        Assert.Empty(Files(folder).SelectMany(file => Regex.Matches(Code(file), forbidden).Select(match => $"{file}: {match.Value}")));

    [Fact]
    public void Publications_enter_a_front_end_by_its_stream_and_nowhere_else()
    {
        // One place makes what travels live, one hands it in, one takes it: no observer, no call, no way past the stream within a silo.
        Assert.Equal(["ChannelGrain.cs"], Having(@"new ChannelPublications\("));
        Assert.Equal(["FrontEndInbox.cs"], Having(@"\bfrontEnd\.Receive\(|\.ReceiveLocal\("));
        Assert.Equal(["NotifyFrontEnd.cs"], Having(@"\.(Post|Pass)\(publications\)"));
        Assert.Empty(Having(@"\bIGrainObserver\b|CreateObjectReference"));
    }

    [Fact]
    public void Nothing_is_awaited_where_the_stream_ends()
    {
        var receive = ReceiveMethod().Match(Code(Path.Combine(Source, "OrleansNotify.AspNetCore/FrontEnd/NotifyFrontEnd.cs")));
        Assert.True(receive.Success);
        Assert.DoesNotContain("await", receive.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("async", receive.Value, StringComparison.Ordinal);
    }

    private static IEnumerable<string> References(Type type) => type.Assembly.GetReferencedAssemblies().Select(a => a.Name!);

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Source, folder), "*.cs", SearchOption.AllDirectories).Where(f => !Generated().IsMatch(f));

    private static string[] Having(string pattern) =>
        [.. Files("").Where(f => Regex.IsMatch(Code(f), pattern)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    // Without comments: they may name what they explain.
    private static string Code(string file) => Comment().Replace(File.ReadAllText(file), "");

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"[/\\](obj|bin)[/\\]")]
    private static partial Regex Generated();

    [GeneratedRegex(@"public void Receive\(StreamEnvelope.*?public void ReceiveLocal\(StreamEnvelope.*?\n    \}", RegexOptions.Singleline)]
    private static partial Regex ReceiveMethod();
}
