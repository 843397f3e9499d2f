using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests;

/// <summary>
/// What silos of two versions say to each other: grain interfaces, and what is serialised, with the numbers of its fields. Orleans' own analyser of
/// the same name lists interfaces only; a field whose number changes its meaning is what breaks a rolling upgrade most quietly.
/// </summary>
public sealed class OrleansContractsTests
{
    private const string Header = """
        # What silos of two versions say to each other. A change here is a rolling upgrade: add at the end, never renumber, never rename an alias.
        # Written by:  NOTIFY_WRITE_CONTRACTS=1 dotnet test tests/OrleansNotify.Tests --filter FullyQualifiedName~OrleansContractsTests

        """;

    private static readonly Type[] Types = [.. typeof(ChannelNamespaces).Assembly.GetTypes().Where(t => !t.Name.StartsWith("Codec_", StringComparison.Ordinal)
        && t.Namespace?.StartsWith("OrleansNotify.", StringComparison.Ordinal) == true)];

    private static IEnumerable<Type> Serialised => Types.Where(t => t.IsDefined(typeof(GenerateSerializerAttribute), false));

    private static IEnumerable<Type> Interfaces => Types.Where(t => t.IsInterface && t.IsAssignableTo(typeof(IGrain)));

    [Fact]
    public void The_manifest_says_what_the_code_says()
    {
        var path = Path.Combine(Path.GetDirectoryName(ThisFile())!, "OrleansContracts.txt");
        var contracts = Describe();
        if (Environment.GetEnvironmentVariable("NOTIFY_WRITE_CONTRACTS") == "1")
            File.WriteAllText(path, contracts);
        Assert.Equal(File.ReadAllText(path).ReplaceLineEndings("\n"), contracts);
    }

    [Fact]
    public void Every_contract_has_a_name_that_does_not_change_with_its_type_or_method()
    {
        Assert.All(Serialised, t => Assert.StartsWith("notify.", Alias(t), StringComparison.Ordinal));
        Assert.Equal(Serialised.Count(), Serialised.Select(Alias).Distinct().Count());
        Assert.All(Interfaces, t => Assert.NotNull(Alias(t)));
        Assert.All(Interfaces, t => Assert.NotNull(Identity<GrainInterfaceTypeAttribute>(t)));
        Assert.All(Interfaces.SelectMany(t => t.GetMethods()), m => Assert.NotNull(Alias(m)));
        Assert.All(Types.Where(t => t.IsClass && Interfaces.Any(i => i.IsAssignableFrom(t)) && t.IsAssignableTo(typeof(IGrainBase))),
            t => Assert.NotNull(Identity<GrainTypeAttribute>(t)));
    }

    private static string Describe()
    {
        var text = new StringBuilder(Header.ReplaceLineEndings("\n"));
        foreach (var type in Interfaces.OrderBy(Identity<GrainInterfaceTypeAttribute>, StringComparer.Ordinal))
        {
            Line($"\ninterface {Identity<GrainInterfaceTypeAttribute>(type)} {Alias(type)}");
            foreach (var method in type.GetMethods().OrderBy(Alias, StringComparer.Ordinal))
                Line($"  {Alias(method)}({string.Join(", ", method.GetParameters().Select(p => Name(p.ParameterType)))}) -> {Name(method.ReturnType)}");
        }
        foreach (var type in Types.Where(t => Identity<GrainTypeAttribute>(t) is not null).OrderBy(Identity<GrainTypeAttribute>, StringComparer.Ordinal))
            Line($"\ngrain {Identity<GrainTypeAttribute>(type)}: {string.Join(", ", type.GetInterfaces().Where(Interfaces.Contains).Select(Name).Order(StringComparer.Ordinal))}");
        HashSet<Type> enums = [typeof(PublishRefusal), typeof(PayloadShape)]; // Protocol's travel as numbers
        foreach (var type in Serialised.OrderBy(Alias, StringComparer.Ordinal))
        {
            Line($"\ntype {Alias(type)}");
            foreach (var (id, memberType, name) in Members(type))
            {
                Line($"  {id} {Name(memberType)} {name}");
                if (memberType.IsEnum)
                    enums.Add(memberType);
            }
        }
        foreach (var type in enums.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            Line($"\nenum {type.Name}");
            foreach (var value in type.GetEnumValues())
                Line($"  {Convert.ToInt64(value, null)} {value}");
        }
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }

    private static IEnumerable<(uint Id, Type Type, string Name)> Members(Type type)
    {
        const BindingFlags All = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var properties = type.GetProperties(All).Select(p => (p.GetCustomAttribute<IdAttribute>()?.Id, p.PropertyType, p.Name));
        var fields = type.GetFields(All).Select(f => (f.GetCustomAttribute<IdAttribute>()?.Id, f.FieldType, f.Name));
        return properties.Concat(fields).Where(m => m.Id is not null).Select(m => (m.Id!.Value, m.Item2, m.Name)).OrderBy(m => m.Value);
    }

    private static string? Alias(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>(false)?.Alias;

    private static string? Identity<TAttribute>(Type type) where TAttribute : Attribute =>
        type.CustomAttributes.FirstOrDefault(a => a.AttributeType == typeof(TAttribute))?.ConstructorArguments[0].Value as string;

    private static string Name(Type type)
    {
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        var name = type.Name.Split('`')[0];
        return type.IsGenericType ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
