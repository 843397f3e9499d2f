namespace OrleansNotify.Server.Hosting;

/// <summary>The server cannot start as it is configured. The message is the one sentence its operator reads: it names the setting, and no secret.</summary>
/// <param name="sentence">The sentence.</param>
/// <param name="cause">What was thrown; not shown.</param>
public sealed class StartException(string sentence, Exception? cause = null) : Exception(sentence, cause);
