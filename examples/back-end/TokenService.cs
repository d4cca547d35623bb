// A back end that calls acs-tokens with a function key: creates an identity, issues, revokes and deletes.
// Not run by this repository's tests. Put it into a console project of .NET 8 with implicit usings:
//
//   FUNCTIONS_URL=http://127.0.0.1:7071 FUNCTION_KEY=… dotnet run

using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

var service = new TokenService(Environment.GetEnvironmentVariable("FUNCTIONS_URL")!, Environment.GetEnvironmentVariable("FUNCTION_KEY")!);
var created = await service.CreateIdentityAsync(["voip"]);
var user = created.Identity.Id;
Console.WriteLine($"created {user} with a token until {created.AccessToken.ExpiresOn}");
var token = await service.IssueTokenAsync(user, ["chat", "voip"]);
Console.WriteLine($"issued a token until {token.ExpiresOn}");
await service.RevokeTokensAsync(user);
Console.WriteLine("revoked the tokens");
await service.DeleteIdentityAsync(user);
Console.WriteLine("deleted the identity");
try
{
    await service.IssueTokenAsync(user, ["chat"]);
}
catch (TokenServiceException error)
{
    Console.WriteLine($"refused: {error.Code}");
}

public sealed record Identity(string Id);

public sealed record AccessToken(string Token, DateTimeOffset ExpiresOn, long ExpiresOnTimestamp);

public sealed record Created(Identity Identity, AccessToken AccessToken);

/// <summary>An error answer: a problem (RFC 9457). docs/problems.md lists the codes.</summary>
public sealed class TokenServiceException(int status, string code, string detail) : Exception($"{status} {code}: {detail}")
{
    public int Status => status;

    public string Code => code;
}

public sealed class TokenService
{
    // A redirect could send the key to another server.
    private readonly HttpClient http = new(new HttpClientHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public TokenService(string functionsUrl, string functionKey)
    {
        http.BaseAddress = new Uri(functionsUrl);
        http.DefaultRequestHeaders.Add("x-functions-key", functionKey);
    }

    /// <summary>Creates an identity with its first token. Store the id.</summary>
    public async Task<Created> CreateIdentityAsync(string[] scopes) =>
        await ReadAsync<Created>(await PostAsync("/api/identities", new { createTokenWithScopes = scopes }));

    /// <summary>Issues a token.</summary>
    public async Task<AccessToken> IssueTokenAsync(string identity, string[] scopes, int minutes = 60) =>
        await ReadAsync<AccessToken>(await PostAsync($"/api/identities/{identity}/tokens", new { scopes, expiresInMinutes = minutes }));

    public async Task RevokeTokensAsync(string identity) =>
        (await CheckAsync(await http.DeleteAsync($"/api/identities/{identity}/tokens"))).Dispose();

    public async Task DeleteIdentityAsync(string identity) =>
        (await CheckAsync(await http.DeleteAsync($"/api/identities/{identity}"))).Dispose();

    // Not PostAsJsonAsync, which sends no Content-Length: some hosts drop such a body.
    private async Task<HttpResponseMessage> PostAsync(string path, object body)
    {
        using var content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        return await http.PostAsync(path, content);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer)
    {
        using (await CheckAsync(answer))
        {
            return (await answer.Content.ReadFromJsonAsync<T>())!;
        }
    }

    private static async Task<HttpResponseMessage> CheckAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            {
                throw new TokenServiceException((int)answer.StatusCode, "unexpected-answer", "the answer is not one of acs-tokens");
            }

            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            var text = (string name) => problem.GetProperty(name).GetString()!;
            throw new TokenServiceException((int)answer.StatusCode, text("code"), text("detail"));
        }
    }
}
