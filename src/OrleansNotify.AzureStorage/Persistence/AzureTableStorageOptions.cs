using Orleans.Persistence.AzureStorage;
using Orleans.Storage;
using OrleansNotify.AzureStorage;

namespace Orleans.Persistence.AzureStorage
{
    /// <summary>Where a table is, and how to get there.</summary>
    public abstract class AzureStorageOperationOptions : TableServiceOptions
    {
        private protected AzureStorageOperationOptions(string tableName)
            : base(tableName)
        {
        }
    }
}

namespace Orleans.Configuration
{
    /// <summary>Grain state in the rows of an Azure table, at most 960 KiB for each state.</summary>
    public class AzureTableStorageOptions : AzureStorageOperationOptions, IStorageProviderSerializerOptions
    {
        /// <summary>The table when none is named.</summary>
        public const string DEFAULT_TABLE_NAME = "OrleansGrainState";

        /// <summary>When the table is opened unless said otherwise.</summary>
        public const int DEFAULT_INIT_STAGE = ServiceLifecycleStage.ApplicationServices;

        /// <summary>The default table, and no client.</summary>
        public AzureTableStorageOptions()
            : base(DEFAULT_TABLE_NAME)
        {
        }

        /// <summary>Whether clearing a state deletes its row. Default false: the row stays, empty, and its ETag goes on protecting it.</summary>
        public bool DeleteStateOnClear { get; set; }

        /// <summary>Text columns instead of binary ones; needs a serializer that yields text. Both are read in any case. Default false.</summary>
        public bool UseStringFormat { get; set; }

        /// <summary>How grains become row keys. Default <see cref="StorageKeyFormat.Injective"/>, unlike Microsoft's provider.</summary>
        public StorageKeyFormat KeyFormat { get; set; }

        /// <summary>Stage of the silo's start at which the table is opened. Default <see cref="ServiceLifecycleStage.ApplicationServices"/>.</summary>
        public int InitStage { get; set; } = DEFAULT_INIT_STAGE;

        /// <summary>Default: the silo's <see cref="IGrainStorageSerializer"/>, which is JSON unless another was registered.</summary>
        public IGrainStorageSerializer GrainStorageSerializer { get; set; } = null!;
    }

    /// <summary>Ends the start with a sentence when the options cannot work.</summary>
    /// <param name="options">Checked.</param>
    /// <param name="name">Of the storage.</param>
    public class AzureTableGrainStorageOptionsValidator(AzureTableStorageOptions options, string name) : IConfigurationValidator
    {
        /// <inheritdoc/>
        public void ValidateConfiguration() => options.Validate(name);
    }
}
