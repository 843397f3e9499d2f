using Azure.Data.Tables;
using OrleansNotify.AzureStorage.Persistence;

namespace OrleansNotify.AzureStorage.Tests.Persistence;

public class StateColumnsTests
{
    [Theory]
    [InlineData("")]
    [InlineData(".")]
    public void No_column_ends_in_the_middle_of_a_character(string lead)
    {
        var text = lead + string.Concat(Enumerable.Repeat("\ud83d\ude00", 50_000));
        var row = new TableEntity("p", "r");

        StateColumns.Write(row, new BinaryData(text), asText: true);

        Assert.Equal(text, StateColumns.Read(row)!.ToString());
        Assert.All(row.Where(column => column.Key.StartsWith("StringData", StringComparison.Ordinal)), column => Assert.False(char.IsHighSurrogate(((string)column.Value)[^1])));
    }
}
