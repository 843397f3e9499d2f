using System.Xml.Linq;
using OrleansNotify.Testing;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>The server's Dockerfile, as far as it can be judged without Docker.</summary>
public sealed class DockerfileTests
{
    private static readonly string Project = Repository.PathOf("src", "OrleansNotify.Server");
    private static readonly Dockerfile Server = Dockerfile.Parse(File.ReadAllText(Path.Combine(Project, "Dockerfile")), Repository.Root);

    [Fact]
    public void The_image_runs_as_another_user_than_root()
    {
        var user = Server.Final.Last(line => line.Word == "USER").Rest;
        Assert.DoesNotContain(user.Split(':')[0], (string[])["root", "0", ""]);
        // Nothing that needs root's rights comes after it.
        Assert.DoesNotContain(Server.Final.SkipWhile(line => line.Word != "USER"), line => line.Word is "RUN" or "COPY" or "ADD");
    }

    [Fact]
    public void The_image_checks_its_health_where_it_listens()
    {
        var check = Server.Final.Single(line => line.Word == "HEALTHCHECK").Exec();
        var port = new Uri(Server.Environment["URLS"].Replace('+', 'x')).Port;
        var asked = new Uri(check[^1]);
        Assert.Equal((port, "/health/live"), (asked.Port, asked.AbsolutePath));
        Assert.Contains($"{port}", Server.Final.Single(line => line.Word == "EXPOSE").Rest.Split(' '));
        Assert.Contains(Server.Final, line => line.Word == "RUN" && line.Rest.Contains($" {check[0]} ", StringComparison.Ordinal)); // the base image does not have it
    }

    [Fact]
    public void Everything_it_copies_is_in_the_repository_and_not_ignored()
    {
        Assert.NotEmpty(Server.Sources());
        Assert.Empty(Server.MissingSources());
        // What "dotnet publish" reads beside the projects has to be copied too.
        Assert.All(Directory.GetFiles(Repository.Root, "Directory.*").Append(Path.Combine(Repository.Root, "global.json")).Append(Path.Combine(Repository.Root, "nuget.config")).Where(File.Exists),
            file => Assert.Contains(Path.GetFileName(file), Server.Sources()));
    }

    [Fact]
    public void It_starts_the_assembly_that_the_project_builds()
    {
        var project = XDocument.Load(Path.Combine(Project, "OrleansNotify.Server.csproj"));
        var assembly = project.Descendants("AssemblyName").SingleOrDefault()?.Value ?? "OrleansNotify.Server";
        Assert.Equal(["dotnet", $"{assembly}.dll"], Server.Final.Single(line => line.Word == "ENTRYPOINT").Exec());
        Assert.Contains(Server.All("RUN"), run => run.Rest.StartsWith("dotnet publish src/OrleansNotify.Server ", StringComparison.Ordinal));
    }

    [Fact]
    public void Its_images_have_the_version_of_the_target_framework()
    {
        var version = XDocument.Load(Repository.PathOf("src", "Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];
        Assert.Equal([$"mcr.microsoft.com/dotnet/sdk:{version}", $"mcr.microsoft.com/dotnet/aspnet:{version}"], Server.Bases);
    }

    [Theory]
    [InlineData("COPY src/ src/", "COPY sources/ src/", "sources/")]
    [InlineData("COPY src/ src/", "COPY src/OrleansNotify.Server/obj src/", "src/OrleansNotify.Server/obj")]
    public void A_source_that_would_be_missing_is_found(string right, string wrong, string missing)
    {
        var text = File.ReadAllText(Path.Combine(Project, "Dockerfile"));
        Assert.Contains(right, text, StringComparison.Ordinal);
        Assert.Equal([missing], Dockerfile.Parse(text.Replace(right, wrong, StringComparison.Ordinal), Repository.Root).MissingSources());
    }
}
