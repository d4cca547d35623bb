// The emulator for tests in .NET, as a container: dotnet add package Testcontainers
using Azure.Communication.Identity;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;

public sealed class AcsEmulator : IAsyncDisposable
{
    private const string Key = "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

    private readonly IContainer container = new ContainerBuilder()
        .WithImage("acs-tokens-emulator")
        .WithPortBinding(7072, true)
        .WithWaitStrategy(Wait.ForUnixContainer().UntilHttpRequestIsSucceeded(request => request.ForPort(7072).ForPath("/health")))
        .Build();

    public async Task<CommunicationIdentityClient> StartAsync()
    {
        await container.StartAsync();
        var endpoint = $"http://{container.Hostname}:{container.GetMappedPublicPort(7072)}/";
        return new CommunicationIdentityClient($"endpoint={endpoint};accesskey={Key}");
    }

    public ValueTask DisposeAsync() => container.DisposeAsync();
}
