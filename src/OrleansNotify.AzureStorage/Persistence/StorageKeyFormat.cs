namespace OrleansNotify.AzureStorage;

/// <summary>How the identity of a grain's state becomes a row or blob name.</summary>
public enum StorageKeyFormat
{
    /// <summary>Two identities never share a name, whatever characters they have and however long they are. The default.</summary>
    Injective,

    /// <summary>
    /// The names Microsoft's providers give: <c>/ \ # ?</c> all become <c>_</c> (so a/b and a_b share a row), other characters the service
    /// refuses stay in, 1,023 characters at most, and blob names lack the ServiceId. For data that Microsoft's providers wrote or shall read.
    /// </summary>
    Compatible,
}
