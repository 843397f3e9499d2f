using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol.Json;

/// <summary>Reads one JSON text message from a client.</summary>
public static class JsonCommandReader
{
    /// <summary>Reads a command.</summary>
    /// <param name="utf8">The whole message. Nothing of it is referenced afterwards: what is kept is copied.</param>
    /// <param name="command">The command, or null.</param>
    /// <param name="problem">What to answer instead; its id is echoed where it could be read.</param>
    public static bool TryRead(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out ClientCommand? command, out CommandProblem problem) =>
        throw new NotImplementedException();
}

/// <summary>Why a message is no command.</summary>
/// <param name="Id">As in <see cref="ClientCommand"/>.</param>
/// <param name="Code">The code of the error reply.</param>
/// <param name="Message">A sentence that says what is wrong and what to do.</param>
public readonly record struct CommandProblem(ReadOnlyMemory<byte> Id, NotifyError Code, string Message);
