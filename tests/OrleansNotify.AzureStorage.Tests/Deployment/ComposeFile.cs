using System.Globalization;
using System.Text.RegularExpressions;
using OrleansNotify.Testing;
using YamlDotNet.RepresentationModel;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>A compose file, read as the Compose specification has it; what this repository does not use of it is not understood here.</summary>
internal sealed partial class ComposeFile
{
    // https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json. Its "version" is obsolete: docker compose warns about it.
    private static readonly string[] TopLevelKeys = ["configs", "include", "models", "name", "networks", "secrets", "services", "volumes"];

    private static readonly string[] ServiceKeys =
    [
        "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs", "container_name", "cpu_count", "cpu_percent",
        "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules",
        "devices", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file", "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
        "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness",
        "memswap_limit", "models", "network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_stop", "privileged",
        "profiles", "provider", "pull_policy", "read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal",
        "storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir",
    ];

    private static readonly string[] BuildKeys =
    [
        "additional_contexts", "args", "cache_from", "cache_to", "context", "dockerfile", "dockerfile_inline", "entitlements", "extra_hosts", "isolation", "labels", "network",
        "no_cache", "platforms", "privileged", "provenance", "pull", "sbom", "secrets", "shm_size", "ssh", "tags", "target", "ulimits",
    ];

    private static readonly string[] HealthcheckKeys = ["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"];
    private static readonly string[] DeployKeys = ["endpoint_mode", "labels", "mode", "placement", "replicas", "resources", "restart_policy", "rollback_config", "update_config"];
    private static readonly string[] Durations = ["interval", "start_interval", "start_period", "timeout", "stop_grace_period"];

    private readonly YamlMappingNode _root;
    private readonly string _text;

    private ComposeFile(YamlMappingNode root, string text) => (_root, _text) = (root, text);

    /// <summary>Names of the services.</summary>
    public IEnumerable<string> Services => Keys(Map(_root, "services"));

    /// <summary>Reads one.</summary>
    public static ComposeFile Parse(string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text)); // refuses a key that comes twice
        return new((YamlMappingNode)Assert.Single(yaml.Documents).RootNode, text);
    }

    /// <summary>The repository's text.</summary>
    public static string OwnText { get; } = File.ReadAllText(Repository.PathOf("docker-compose.yml"));

    /// <summary>What a service's containers find in their environment.</summary>
    public Dictionary<string, string> Environment(string service) =>
        Map(Service(service), "environment")?.Children.ToDictionary(pair => Text(pair.Key), pair => Text(pair.Value)) ?? [];

    /// <summary>A list of strings of a service, such as its command or its ports; empty: not given.</summary>
    public string[] List(string service, string key) => Strings(Get(Service(service), key));

    /// <summary>The command of a service's health check, without CMD.</summary>
    public string[] Healthcheck(string service) => Strings(Get(Map(Service(service), "healthcheck"), "test")).Skip(1).ToArray();

    /// <summary>How many containers a service has.</summary>
    public int Replicas(string service) => int.Parse(Scalar(Map(Service(service), "deploy"), "replicas") ?? "1", CultureInfo.InvariantCulture);

    /// <summary>How many files a service's containers may open.</summary>
    public int OpenFiles(string service) => int.Parse(Scalar(Map(Service(service), "ulimits"), "nofile")!, CultureInfo.InvariantCulture);

    /// <summary>Text of a config that stands in the file.</summary>
    public string Config(string name) => Scalar(Map(Map(_root, "configs"), name), "content") ?? "";

    /// <summary>What a service's image is made of.</summary>
    public Dockerfile Dockerfile(string service)
    {
        var build = Map(Service(service), "build")!;
        var context = Repository.PathOf(Scalar(build, "context") ?? ".");
        return Deployment.Dockerfile.Parse(
            Scalar(build, "dockerfile_inline") ?? File.ReadAllText(Path.Combine(context, Scalar(build, "dockerfile") ?? "Dockerfile")), Path.GetFullPath(context));
    }

    /// <summary>Everything that is wrong with it, a sentence each.</summary>
    public IEnumerable<string> Problems()
    {
        // "$" starts a variable, in inline files as well; "$$" is the sign itself.
        if (Variable().IsMatch(_text))
            yield return "A $ is not doubled: compose would put a variable there.";
        foreach (var key in Unknown(_root, TopLevelKeys))
            yield return $"'{key}' is no top-level key.";
        foreach (var (name, config) in Children(Map(_root, "configs")))
        {
            if (Keys(config).Count(key => key is "file" or "content" or "environment" or "external") != 1)
                yield return $"Config {name} needs one source.";
            if (Scalar(config, "file") is { } file && !File.Exists(Repository.PathOf(file)))
                yield return $"Config {name}: {file} is not there.";
        }

        foreach (var problem in Services.SelectMany(ServiceProblems))
            yield return problem;
    }

    private IEnumerable<string> ServiceProblems(string name)
    {
        var service = Service(name);
        foreach (var (part, allowed) in new[] { (service, ServiceKeys), (Map(service, "build"), BuildKeys), (Map(service, "healthcheck"), HealthcheckKeys), (Map(service, "deploy"), DeployKeys) })
        {
            foreach (var key in Unknown(part, allowed))
                yield return $"Service {name}: '{key}' is no key there.";
            foreach (var key in Durations.Where(key => Scalar(part, key) is { } value && !Duration().IsMatch(value)))
                yield return $"Service {name}: {key} is no duration.";
        }

        foreach (var (other, condition) in Dependencies(service))
        {
            if (!Services.Contains(other))
                yield return $"Service {name} depends on {other}, which is not defined.";
            else if (condition is not ("service_started" or "service_healthy" or "service_completed_successfully"))
                yield return $"Service {name}: '{condition}' is no condition.";
            else if (condition == "service_healthy" && !HasHealthcheck(other))
                yield return $"Service {name} waits for {other} to be healthy, which has no health check.";
        }

        foreach (var network in Names(Get(service, "networks")).Where(network => network != "default" && !Keys(Map(_root, "networks")).Contains(network)))
            yield return $"Service {name}: network {network} is not defined.";
        foreach (var config in Sources(Get(service, "configs")).Where(config => !Keys(Map(_root, "configs")).Contains(config)))
            yield return $"Service {name}: config {config} is not defined.";
        foreach (var source in Sources(Get(service, "volumes")))
        {
            var bound = source[0] is '.' or '/' or '~';
            if (bound ? !Path.Exists(Repository.PathOf(source)) : !Keys(Map(_root, "volumes")).Contains(source))
                yield return $"Service {name}: {(bound ? "bound file" : "volume")} {source} is not {(bound ? "there" : "defined")}.";
        }

        if (Get(service, "build") is null == Get(service, "image") is null)
            yield return $"Service {name} needs an image or a build.";
        if (Map(service, "build") is { } build)
        {
            var context = Repository.PathOf(Scalar(build, "context") ?? ".");
            var file = Scalar(build, "dockerfile");
            if (!Directory.Exists(context))
                yield return $"Service {name}: the build's context is not there.";
            else if (file is not null == Keys(build).Contains("dockerfile_inline"))
                yield return $"Service {name}: dockerfile or dockerfile_inline, one of both.";
            else if (file is not null && !File.Exists(Path.Combine(context, file)))
                yield return $"Service {name}: {file} is not there.";
        }
    }

    private bool HasHealthcheck(string service) =>
        Get(Service(service), "healthcheck") is not null || (Get(Service(service), "build") is not null && Dockerfile(service).Final.Any(line => line.Word == "HEALTHCHECK"));

    private YamlMappingNode Service(string name) => Map(Map(_root, "services"), name) ?? throw new InvalidOperationException($"There is no service {name}.");

    private static IEnumerable<(string Service, string Condition)> Dependencies(YamlMappingNode service) => Get(service, "depends_on") is YamlMappingNode map
        ? Children(map).Select(pair => (pair.Name, Scalar(pair.Value, "condition") ?? "service_started"))
        : Strings(Get(service, "depends_on")).Select(name => (name, "service_started"));

    // "source:target" or {source, target}.
    private static IEnumerable<string> Sources(YamlNode? list) => (list as YamlSequenceNode)?.Select(entry => entry is YamlMappingNode map ? Scalar(map, "source")! : Text(entry).Split(':')[0]) ?? [];

    private static IEnumerable<string> Names(YamlNode? node) => node is YamlMappingNode map ? Keys(map) : Strings(node);

    private static IEnumerable<string> Unknown(YamlMappingNode? map, string[] allowed) => Keys(map).Where(key => !allowed.Contains(key) && !key.StartsWith("x-", StringComparison.Ordinal));

    private static IEnumerable<(string Name, YamlMappingNode? Value)> Children(YamlMappingNode? map) => map?.Children.Select(pair => (Text(pair.Key), pair.Value as YamlMappingNode)) ?? [];

    private static IEnumerable<string> Keys(YamlMappingNode? map) => map?.Children.Keys.Select(Text) ?? [];

    private static string[] Strings(YamlNode? node) => node is YamlSequenceNode list ? [.. list.Select(Text)] : node is YamlScalarNode one ? [Text(one)] : [];

    private static YamlMappingNode? Map(YamlMappingNode? map, string key) => Get(map, key) as YamlMappingNode;

    private static string? Scalar(YamlMappingNode? map, string key) => (Get(map, key) as YamlScalarNode)?.Value;

    private static YamlNode? Get(YamlMappingNode? map, string key) => map is not null && map.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value ?? "";

    [GeneratedRegex(@"(?<!\$)(\$\$)*\$(?!\$)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^(\d+(us|ms|s|m|h))+$")]
    private static partial Regex Duration();
}
