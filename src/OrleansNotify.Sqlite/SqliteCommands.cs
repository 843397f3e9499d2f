using System.Globalization;
using Microsoft.Data.Sqlite;

namespace OrleansNotify.Sqlite;

/// <summary>Statements of our own making; nothing from outside is ever part of their text.</summary>
internal static class SqliteCommands
{
    /// <summary>Runs statements.</summary>
    public static void Execute(this SqliteConnection connection, string sql)
    {
        using var command = New(connection, sql);
        command.ExecuteNonQuery();
    }

    /// <summary>Asks for one number.</summary>
    public static long Number(this SqliteConnection connection, string sql)
    {
        using var command = New(connection, sql);
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    /// <summary>A statement to be run many times, with its parameters in the order of their names.</summary>
    public static SqliteCommand Prepared(this SqliteConnection connection, string sql, params string[] parameters)
    {
        var command = New(connection, sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new SqliteParameter { ParameterName = parameter });
        command.Prepare();
        return command;
    }

#pragma warning disable CA2100 // every text is a constant of this project
    private static SqliteCommand New(SqliteConnection connection, string sql) => new(sql, connection);
#pragma warning restore CA2100
}
