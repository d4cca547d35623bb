// The emulator in the app host of .NET Aspire, as a container that an API project waits for.
var builder = DistributedApplication.CreateBuilder(args);

const string Key = "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

var acs = builder.AddContainer("acs", "acs-tokens-emulator")
    .WithHttpEndpoint(port: 7072, targetPort: 7072, isProxied: false)
    .WithHttpHealthCheck("/health");

builder.AddProject<Projects.Api>("api")
    .WithEnvironment("COMMUNICATION_SERVICES_CONNECTION_STRING", $"endpoint=http://localhost:7072/;accesskey={Key}")
    .WaitFor(acs);

builder.Build().Run();
